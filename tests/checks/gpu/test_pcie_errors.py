from __future__ import annotations

from typing import Any

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import AerEvent, KernelLog, Nvml, NvmlGpu, PciBus, PciDevice
from envdoctor_checks.gpu.pcie_errors import pcie_errors
from healthy import BUS, NVML
from measured import with_load, work

TWO = Nvml(gpus=tuple(NvmlGpu(index=i, pci_bus_id=f"00000000:{bus}:00.0") for i, bus in enumerate(("3B", "B1"))))


def bus(**fields: Any) -> PciBus:
    plain = PciDevice(address="0000:3b:00.0", vendor="10de", device="2330", device_class="0302")
    return PciBus(devices=(plain, msgspec.structs.replace(plain, address="0000:b1:00.0", **fields)))


def logged(severity: Any, pci: str) -> KernelLog:
    return KernelLog(aer=(AerEvent(severity=severity, pci=pci, text=f"nvidia {pci}: PCIe Bus Error"),))


def test_fires_on_the_kernels_counters_and_names_the_gpu() -> None:
    [finding] = judge(pcie_errors, bus(aer_nonfatal=2, aer_corrected=9), TWO).findings
    assert (finding.title, finding.severity, finding.gpu) == (
        "GPU 1: 2 uncorrectable errors of its PCIe link since boot",
        "warning",
        1,
    )


def test_fires_on_a_line_of_the_log_of_the_card_or_of_the_port_above_it() -> None:
    [finding] = judge(pcie_errors, bus(), TWO, logged("fatal", "0000:b1:00.0")).findings
    assert finding.title == "GPU 1: 1 fatal error of its PCIe link since boot"
    [above] = judge(pcie_errors, bus(upstream=("0000:b0:02.0",)), TWO, logged("fatal", "0000:b0:02.0")).findings
    assert above.gpu == 1


def test_fires_on_a_log_alone_where_the_line_is_of_nvidia() -> None:
    [finding] = judge(pcie_errors, logged("nonfatal", "0000:b1:00.0")).findings
    assert finding.title == "GPU at 0000:b1:00.0: 1 uncorrectable error of its PCIe link since boot"


def test_many_errors_that_were_made_good_are_a_note() -> None:
    [corrected] = judge(pcie_errors, bus(aer_corrected=4711), TWO).findings
    assert (corrected.title, corrected.severity) == (
        "GPU 1: 4711 corrected errors of its PCIe link since boot",
        "info",
    )
    again = Nvml(gpus=(NvmlGpu(index=0, pci_bus_id="00000000:01:00.0", pcie_replays=200),))
    [replays] = judge(pcie_errors, again).findings
    assert (replays.title, replays.severity) == ("GPU 0: 200 packets were sent again over its PCIe link", "info")


def test_fires_on_packets_that_were_sent_again_while_it_worked() -> None:
    [finding] = judge(pcie_errors, work(with_load(pcie_replays=812))).findings
    assert finding.title == "GPU 0: 812 packets were sent again over its PCIe link while it worked"
    assert (finding.severity, finding.gpu) == ("warning", 0)
    assert judge(pcie_errors, work(with_load(pcie_replays=3)), NVML).findings == ()


def test_silent_on_a_few_that_were_corrected_on_others_devices_and_where_nothing_is_known() -> None:
    assert judge(pcie_errors, bus(aer_corrected=12, aer_fatal=0, aer_nonfatal=0), TWO).findings == ()
    assert judge(pcie_errors, bus(), TWO, logged("fatal", "0000:05:00.0")).findings == ()
    assert judge(pcie_errors, KernelLog(aer=(AerEvent(severity="fatal", pci="0000:05:00.0"),))).findings == ()
    assert judge(pcie_errors, BUS, NVML, KernelLog()).findings == ()
