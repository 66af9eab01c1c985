from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Nvml, NvmlGpu, PciBus
from envdoctor_checks.gpu.pcie_degraded import pcie_degraded
from healthy import GPU
from measured import HEALTHY, device, with_load, work


def test_fires_on_a_narrow_link() -> None:
    [finding] = judge(pcie_degraded, work(with_load(link_width=1))).findings
    assert finding.title == "GPU 0: PCIe generation 5 x1 of generation 5 x16 during copies; 55.2 GB/s to the device"


def test_fires_on_a_low_generation_during_copies() -> None:
    [finding] = judge(pcie_degraded, work(with_load(link_generation=3))).findings
    assert finding.title.startswith("GPU 0: PCIe generation 3 x16 of generation 5 x16")


def test_fires_on_a_narrow_link_without_work() -> None:
    [finding] = judge(pcie_degraded, Nvml(gpus=(NvmlGpu(index=3, pcie_width=1, pcie_width_max=16),))).findings
    assert finding.title == "GPU 3: PCIe link x1 of x16"


def test_silent_where_the_slot_has_no_more_lanes() -> None:
    half = NvmlGpu(index=0, pci_bus_id="00000000:01:00.0", pcie_width=8, pcie_width_max=16)
    slot = msgspec.structs.replace(GPU, slot_width_max=8)
    assert judge(pcie_degraded, Nvml(gpus=(half,)), PciBus(devices=(slot,))).findings == ()
    wide = msgspec.structs.replace(GPU, slot_width_max=16)
    assert len(judge(pcie_degraded, Nvml(gpus=(half,)), PciBus(devices=(wide,))).findings) == 1


def test_silent_on_an_idle_card_in_a_low_generation() -> None:
    idle = NvmlGpu(index=0, pcie_generation=1, pcie_generation_max=4, pcie_width=16, pcie_width_max=16)
    assert judge(pcie_degraded, Nvml(gpus=(idle,))).findings == ()


def test_silent_on_a_full_link_and_where_it_is_unknown() -> None:
    assert judge(pcie_degraded, HEALTHY).findings == ()
    assert (
        judge(pcie_degraded, work(with_load(link_generation=None, link_width=None), device(load=None))).findings == ()
    )
