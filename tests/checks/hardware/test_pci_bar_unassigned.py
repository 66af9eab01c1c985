from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import KernelLog, PciBus
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
