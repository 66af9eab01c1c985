from __future__ import annotations

import msgspec
import pytest

from envdoctor.diagnose.testing import judge
from envdoctor.facts import KernelLog, PciBus, Reading
from envdoctor_checks.hardware.pci_bar_unassigned import pci_bar_unassigned
from healthy import BUS, CUDA, CUDA_FAILS, GPU

LINE = "[    5.1] NVRM: This PCI I/O region assigned to your NVIDIA device is invalid: NVRM: BAR1 is 0M @ 0x0 (PCI:0000:01:00.0)"


def test_fires_from_sysfs() -> None:
    gpu = msgspec.structs.replace(GPU, bar_unassigned=True)
    [finding] = judge(pci_bar_unassigned, PciBus(devices=(gpu,), device_count=3), CUDA_FAILS).findings
    assert finding.title == "GPU at 0000:01:00.0: a memory BAR has no address"


def test_fires_from_the_kernel_log_alone() -> None:
    [finding] = judge(pci_bar_unassigned, KernelLog(lines=(LINE,))).findings
    assert finding.title.startswith("The kernel log says: ")
    assert finding.evidence[0].value == LINE


def test_silent_on_a_healthy_card_and_where_cuda_works() -> None:
    assert judge(pci_bar_unassigned, BUS, KernelLog(lines=("NVRM: loading",))).findings == ()
    assert judge(pci_bar_unassigned, KernelLog(lines=(LINE,)), CUDA).findings == ()


def test_silent_where_the_bars_are_unknown() -> None:
    gpu = msgspec.structs.replace(GPU, bar_unassigned=None)
    assert judge(pci_bar_unassigned, PciBus(devices=(gpu,))).findings == ()


OURS = "[    2.819204] pci 0000:01:00.0: [10de:2204] type 00 class 0x030000 PCIe Legacy Endpoint"
NO_ROOM = "[    2.831115] pci 0000:01:00.0: BAR 1 [mem size 0x10000000 64bit pref]: can't assign; no space"
OLD_WORDS = "[    2.831115] pci 0000:01:00.0: BAR 1: no space for [mem size 0x10000000 64bit pref]"
FOUND = "[    2.901115] pci 0000:01:00.0: BAR 1 [mem 0x900000000-0x90fffffff 64bit pref]: assigned"
BRIDGE = "[    0.195779] pci 0000:00:01.0: bridge window [mem size 0xc00000000 64bit pref]: can't assign"


@pytest.mark.parametrize("line", [NO_ROOM, OLD_WORDS])
def test_fires_where_the_kernel_finds_no_room(line: str) -> None:
    [finding] = judge(pci_bar_unassigned, KernelLog(lines=(OURS, line))).findings
    assert finding.title.startswith("The kernel log says: [    2.831115] pci 0000:01:00.0: BAR 1")
    assert judge(pci_bar_unassigned, KernelLog(lines=(line,))).findings == (), "of some other device"
    assert judge(pci_bar_unassigned, KernelLog(lines=(OURS, line, FOUND))).findings == (), "it found some later"


def test_a_bridges_window_counts_in_a_report_only() -> None:
    log = KernelLog(lines=(BRIDGE,))
    assert len(judge(pci_bar_unassigned, log, Reading()).findings) == 1
    assert judge(pci_bar_unassigned, log).findings == ()
    small = BRIDGE.replace("0xc00000000", "0x00200000")
    assert judge(pci_bar_unassigned, KernelLog(lines=(small,)), Reading()).findings == ()
