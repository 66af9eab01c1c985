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


def test_fires_where_nobody_is_there_to_compare_with() -> None:
    [finding] = judge(nvlink_down, machine((True, False, True))).findings
    assert finding.title == "GPU 0: 2 of 3 NVLinks are active; link 1 is not"
    assert finding.confidence == "likely"


def test_fires_on_the_kernels_word_where_the_links_are_unknown() -> None:
    event = XidEvent(code=74, pci="0000:b1:00", text="NVRM: Xid (PCI:0000:b1:00): 74")
    [finding] = judge(nvlink_down, KernelLog(xids=(event,))).findings
    assert finding.title == "GPU at 0000:b1:00: NVLink error (Xid 74)"
    assert judge(nvlink_down, KernelLog(xids=(event,)), machine(FULL)).findings == ()


def test_silent_on_boards_that_have_fewer_by_design_and_on_cards_without() -> None:
    twelve = (*FULL[:12], *(False,) * 6)
    assert judge(nvlink_down, machine(*[twelve] * 4)).findings == ()
    assert judge(nvlink_down, machine(*[FULL] * 8)).findings == ()
    assert judge(nvlink_down, machine((False,) * 4, (False,) * 4)).findings == ()
    assert judge(nvlink_down, NVML).findings == ()
