from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import KernelLog, Nvml, NvmlGpu, XidEvent
from envdoctor_checks.gpu.nvlink_down import nvlink_down
from healthy import NVML

FULL = (True,) * 18


def machine(*links: tuple[bool, ...]) -> Nvml:
    return Nvml(gpus=tuple(NvmlGpu(index=index, nvlinks=row) for index, row in enumerate(links)))


def test_fires_on_the_one_card_that_has_fewer_than_the_others() -> None:
    broken = (*FULL[:17], False)
    [finding] = judge(nvlink_down, machine(*[FULL] * 3, broken, *[FULL] * 4)).findings
    assert finding.title == "GPU 3: 17 of 18 NVLinks are active; link 17 is not"
    assert (finding.gpu, finding.confidence) == (3, "certain")


def test_where_nobody_is_there_to_compare_with_a_gap_is_told_and_the_rest_a_note() -> None:
    [finding] = judge(nvlink_down, machine((True, False, True))).findings
    assert finding.title == "GPU 0: 2 of 3 NVLinks are active; link 1 is not"
    assert (finding.severity, finding.confidence) == ("warning", "likely")
    [finding] = judge(nvlink_down, machine((True,) * 12 + (False,) * 6)).findings
    assert finding.severity == "info"


def test_silent_on_a_bridge_that_leaves_links_unused_on_both_cards() -> None:
    bridged = (True,) * 12 + (False,) * 6
    assert judge(nvlink_down, machine(bridged, bridged)).findings == ()


def test_fires_on_one_of_two_that_has_fewer() -> None:
    [finding] = judge(nvlink_down, machine(FULL, (*FULL[:17], False))).findings
    assert (finding.gpu, finding.severity, finding.confidence) == (1, "warning", "likely")


def test_fires_on_the_kernels_word_where_the_links_are_unknown() -> None:
    event = XidEvent(code=74, pci="0000:b1:00", text="NVRM: Xid (PCI:0000:b1:00): 74")
    [finding] = judge(nvlink_down, KernelLog(xids=(event,))).findings
    assert finding.title == "GPU at 0000:b1:00: NVLink error (Xid 74)"
    assert judge(nvlink_down, KernelLog(xids=(event,)), machine(FULL)).findings == ()


def errors(**counts: int) -> Nvml:
    kinds = {kind.replace("_", "-"): count for kind, count in counts.items()}
    sick = NvmlGpu(index=3, nvlinks=FULL, nvlink_errors=kinds, nvlink_recovered=(7,) if "recovery" in kinds else None)
    return Nvml(gpus=(NvmlGpu(index=0, nvlinks=FULL), sick))


def test_fires_on_links_that_were_trained_anew() -> None:
    [finding] = judge(nvlink_down, errors(replay=4, recovery=3)).findings
    assert finding.title == "GPU 3: 3 NVLink recoveries since the driver was loaded (link 7)"
    assert (finding.severity, finding.gpu) == ("warning", 3)
    [failed] = judge(nvlink_down, errors(recovery_failed=1)).findings
    assert failed.title == "GPU 3: an NVLink could not be trained anew 1 time"


def test_many_packets_that_were_sent_again_are_a_note() -> None:
    [finding] = judge(nvlink_down, errors(replay=12_000, crc=5)).findings
    assert (finding.severity, finding.gpu) == ("info", 3)
    assert judge(nvlink_down, errors(replay=12, crc=5, recovery=0)).findings == ()


def test_fires_on_the_one_card_whose_links_are_slow() -> None:
    speeds = [NvmlGpu(index=i, name="H100", nvlinks=FULL, nvlink_mbps=13281 if i == 3 else 26562) for i in range(8)]
    [finding] = judge(nvlink_down, Nvml(gpus=tuple(speeds))).findings
    assert finding.title == "GPU 3: its NVLinks run at 13281 MB/s; those of the others at 26562 MB/s"
    assert judge(nvlink_down, Nvml(gpus=tuple(speeds[:2]))).findings == ()


def test_silent_on_boards_that_have_fewer_by_design_and_on_cards_without() -> None:
    twelve = (*FULL[:12], *(False,) * 6)
    assert judge(nvlink_down, machine(*[twelve] * 4)).findings == ()
    assert judge(nvlink_down, machine(*[FULL] * 8)).findings == ()
    assert judge(nvlink_down, machine((False,) * 4, (False,) * 4)).findings == ()
    assert judge(nvlink_down, NVML).findings == ()
