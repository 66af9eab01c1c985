from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import KernelLog, Nvml, NvmlGpu, XidEvent
from envdoctor_checks.gpu.xid_errors import xid_errors
from healthy import CUDA

TWO = Nvml(gpus=tuple(NvmlGpu(index=i, pci_bus_id=f"00000000:{bus}:00.0") for i, bus in enumerate(("3B", "B1"))))


def log(*events: tuple[int, float], pci: str = "0000:b1:00") -> KernelLog:
    return KernelLog(xids=tuple(XidEvent(code=code, pci=pci, time=time, text=f"Xid {code}") for code, time in events))


def test_fires_on_the_gpu_that_has_it_with_nvidias_action() -> None:
    [finding] = judge(xid_errors, log((119, 100.0), (119, 130.0)), TWO).findings
    assert finding.title.startswith("GPU 1: Xid 119 (")
    assert finding.title.endswith(", 2 times")
    assert finding.gpu == 1


def test_the_worst_of_a_card_is_named() -> None:
    [finding] = judge(xid_errors, log((31, 1.0), (79, 2.0), (45, 3.0))).findings
    assert finding.title.startswith("GPU at 0000:b1:00: Xid 79 (")
    assert finding.severity == "error"


def test_programs_own_faults_are_a_note() -> None:
    [finding] = judge(xid_errors, log((13, 1.0), (31, 2.0), (31, 3.0)), TWO).findings
    assert (finding.severity, finding.gpu, finding.fix) == ("info", 1, ())
    assert finding.title.startswith("GPU 1: Xid 31 (")
    assert finding.title.endswith(", 2 times")


def test_history_is_a_note_whether_later_xids_or_the_logs_end_tell_its_age() -> None:
    [finding] = judge(xid_errors, log((48, 1.0), (31, 200_000.0))).findings
    assert finding.severity == "info"
    alone = msgspec.structs.replace(log((48, 1000.0)), until=1000.0 + 5 * 86400)
    [old] = judge(xid_errors, alone, TWO).findings
    assert (old.severity, old.gpu) == ("info", 1)
    assert "It is 120 hours old." in old.detail
    [new] = judge(xid_errors, msgspec.structs.replace(alone, until=2000.0), TWO).findings
    assert new.severity == "warning"


def test_each_card_has_its_own() -> None:
    both = KernelLog(xids=(*log((119, 1.0)).xids, *log((31, 2.0), pci="0000:3b:00").xids))
    assert {(f.gpu, f.severity) for f in judge(xid_errors, both, TWO).findings} == {(1, "warning"), (0, "info")}


def test_the_cards_word_that_nothing_is_to_be_done_makes_it_a_note() -> None:
    well = Nvml(gpus=(NvmlGpu(index=1, error=0, pci_bus_id="00000000:B1:00.0", recovery_action=0),))
    [finding] = judge(xid_errors, log((119, 1.0)), well).findings
    assert finding.severity == "info"


def test_a_fatal_one_on_a_card_that_works_again_is_a_warning() -> None:
    assert [f.severity for f in judge(xid_errors, log((79, 1.0)), TWO).findings] == ["error"]
    assert [f.severity for f in judge(xid_errors, log((79, 1.0)), TWO, CUDA).findings] == ["warning"]


def test_silent_on_a_log_without() -> None:
    assert judge(xid_errors, KernelLog()).findings == ()


def test_skipped_where_the_log_cannot_be_read() -> None:
    assert judge(xid_errors).result.status == "skipped"
