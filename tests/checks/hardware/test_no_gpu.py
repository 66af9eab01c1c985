from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import CudaDriver, Nvml, PciBus, PciDevice, ProbeDeath, ProbeDeaths, System, TorchInstall
from envdoctor_checks.hardware.no_gpu import no_gpu
from healthy import BUS, CUDA, EMPTY_BUS, TORCH, UBUNTU

INTEL = PciDevice(address="0000:00:02.0", vendor="8086", device="9a60", device_class="0300")
AMD = PciDevice(address="0000:03:00.0", vendor="1002", device="744c", device_class="0300", driver="amdgpu")


def test_fires_on_bare_metal_without_a_gpu() -> None:
    [finding] = judge(no_gpu, EMPTY_BUS, UBUNTU).findings
    assert finding.title == "No NVIDIA GPU among the 12 devices on the PCI bus"
    assert "--expect cpu" in (finding.fix[1].command or "")


def test_names_the_display_that_is_there_instead() -> None:
    [finding] = judge(no_gpu, PciBus(devices=(INTEL,), device_count=9), UBUNTU).findings
    assert finding.title == "No NVIDIA GPU among the 9 devices on the PCI bus (display: Intel 8086:9a60)"


def test_silent_with_a_gpu() -> None:
    assert judge(no_gpu, BUS, UBUNTU).findings == ()


def test_silent_where_something_speaks_of_a_gpu_that_the_bus_does_not_show() -> None:
    assert judge(no_gpu, EMPTY_BUS, UBUNTU, CUDA).findings == ()
    assert judge(no_gpu, EMPTY_BUS, UBUNTU, Nvml(device_count=1)).findings == ()
    assert judge(no_gpu, EMPTY_BUS, UBUNTU, Nvml(init_code=18)).findings == ()


def test_silent_on_vm_wsl_and_jetson() -> None:
    for system in (System(hypervisor="kvm"), System(hypervisor="none", wsl=2), System(hypervisor="none", jetson=True)):
        assert judge(no_gpu, EMPTY_BUS, system).findings == ()


def test_silent_where_another_makers_gpu_serves_this_torch() -> None:
    rocm = TorchInstall(present=True, version="2.9.1+rocm6.4", cuda="", hip="6.4")
    assert judge(no_gpu, PciBus(devices=(AMD,), device_count=9), UBUNTU, rocm).findings == ()
    assert len(judge(no_gpu, PciBus(devices=(AMD,), device_count=9), UBUNTU, TORCH).findings) == 1


def test_skipped_where_the_bus_cannot_be_read() -> None:
    assert judge(no_gpu, UBUNTU).result.status == "skipped"


def test_silent_where_the_driver_hangs_or_works_without_the_mask() -> None:
    hung = ProbeDeaths(
        deaths=(ProbeDeath(probe="cuda_driver", kind="timeout", detail="cuInit did not answer", stage="init"),)
    )
    assert judge(no_gpu, EMPTY_BUS, UBUNTU, hung).findings == ()
    assert judge(no_gpu, EMPTY_BUS, UBUNTU, CudaDriver(init_code=100, unmasked_init_code=0)).findings == ()
    assert len(judge(no_gpu, EMPTY_BUS, UBUNTU, ProbeDeaths()).findings) == 1
