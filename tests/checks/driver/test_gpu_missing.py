from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import KernelLog, KernelModule, Nvml, NvmlGpu, PciBus, PciDevice
from envdoctor_checks.driver.gpu_missing import gpu_missing
from healthy import BUS, DOCKER, NODES, NVML, nodes

ADDRESSES = ("0000:01:00.0", "0000:02:00.0", "0000:b1:00.0")
THREE = PciBus(
    devices=tuple(
        PciDevice(address=a, vendor="10de", device="2330", device_class="0302", driver="nvidia") for a in ADDRESSES
    )
)
TWO = Nvml(
    init_code=0,
    device_count=2,
    gpus=tuple(NvmlGpu(index=i, error=0, pci_bus_id=f"00000000:0{i + 1}:00.0") for i in range(2)),
)
ALL_NODES = nodes("nvidiactl", "nvidia0", "nvidia1", "nvidia2", "nvidia-uvm")


def test_fires_and_names_the_address_with_the_kernels_word() -> None:
    log = KernelLog(lines=("NVRM: GPU 0000:b1:00.0: RmInitAdapter failed! (0x62:0x40:2393)",))
    module = KernelModule(loaded=True, proc_gpus=ADDRESSES)
    [finding] = judge(gpu_missing, TWO, THREE, ALL_NODES, log, module).findings
    assert finding.title == "3 GPUs are bound to the driver, NVML counts 2: 0000:b1:00.0 is missing"
    assert finding.severity == "warning"
    assert any("RmInitAdapter" in evidence.value for evidence in finding.evidence)


def test_fires_on_proc_alone_where_the_bus_is_out_of_sight() -> None:
    [finding] = judge(gpu_missing, TWO, ALL_NODES, KernelModule(loaded=True, proc_gpus=ADDRESSES)).findings
    assert finding.title == "3 GPUs are bound to the driver, NVML counts 2: 0000:b1:00.0 is missing"


def test_silent_where_all_are_counted_or_others_hold_the_rest() -> None:
    assert judge(gpu_missing, NVML, BUS, NODES).findings == ()
    passed_through = msgspec.structs.replace(THREE.devices[2], driver="vfio-pci")
    assert judge(gpu_missing, TWO, PciBus(devices=(*THREE.devices[:2], passed_through)), ALL_NODES).findings == ()
    unbound = msgspec.structs.replace(THREE.devices[2], driver="")
    assert judge(gpu_missing, TWO, PciBus(devices=(*THREE.devices[:2], unbound)), ALL_NODES).findings == ()


def test_silent_in_a_container_and_in_a_job_that_was_given_some() -> None:
    assert judge(gpu_missing, TWO, THREE, ALL_NODES, DOCKER).findings == ()
    assert judge(gpu_missing, TWO, THREE, nodes("nvidiactl", "nvidia0", "nvidia1")).findings == ()
    denied = nodes("nvidiactl", "nvidia0", "nvidia1", "nvidia2", error="EPERM")
    assert judge(gpu_missing, TWO, THREE, denied).findings == ()
    assert judge(gpu_missing, TWO, THREE).findings == ()


def test_silent_where_a_lost_one_is_named_already() -> None:
    lost = msgspec.structs.replace(TWO, gpus=(TWO.gpus[0], NvmlGpu(index=1, error=15)))
    assert judge(gpu_missing, lost, THREE, ALL_NODES).findings == ()
