from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import KernelLog, Nvml, NvmlGpu, XidEvent
from envdoctor_checks.gpu.xid_errors import xid_errors

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


def test_silent_on_programs_own_faults_and_on_history() -> None:
    assert judge(xid_errors, log((13, 1.0), (31, 2.0), (43, 3.0), (45, 4.0))).findings == ()
    assert judge(xid_errors, log((48, 1.0), (31, 200_000.0))).findings == ()
    assert judge(xid_errors, KernelLog()).findings == ()


def test_skipped_where_the_log_cannot_be_read() -> None:
    assert judge(xid_errors).result.status == "skipped"
