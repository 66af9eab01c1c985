from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Nvml, PciBus, PciDevice, Reading, TorchInstall, TorchRuntime
from envdoctor_checks.torch.wrong_vendor_build import wrong_vendor_build
from healthy import BUS, CUDA, GPU, NVML, PYTHON, TORCH, TORCH_CPU, WORKS

ROCM = TorchInstall(present=True, version="2.9.1+rocm6.4", cuda="", hip="6.4", module_kind="package")
AMD = PciDevice(address="0000:03:00.0", vendor="1002", device="744c", device_class="0300", driver="amdgpu")


def test_fires_on_rocm_for_an_nvidia_gpu() -> None:
    [finding] = judge(wrong_vendor_build, ROCM, NVML, CUDA, PYTHON).findings
    assert finding.title == "torch 2.9.1+rocm6.4 is built for AMD ROCm; the GPU is NVIDIA GeForce RTX 4090"


def test_fires_on_cuda_for_an_amd_gpu() -> None:
    [finding] = judge(wrong_vendor_build, TORCH, PciBus(devices=(AMD,), device_count=9)).findings
    assert finding.title == "torch 2.5.1+cu124 is built for NVIDIA CUDA; the GPU is AMD 1002:744c"


def test_silent_where_they_fit() -> None:
    assert judge(wrong_vendor_build, TORCH, BUS, NVML).findings == ()
    assert judge(wrong_vendor_build, ROCM, PciBus(devices=(AMD,))).findings == ()
    assert judge(wrong_vendor_build, TORCH_CPU, BUS).findings == ()


def test_silent_with_both_makers_and_where_torch_works() -> None:
    both = PciBus(devices=(GPU, AMD))
    assert judge(wrong_vendor_build, ROCM, both).findings == ()
    assert judge(wrong_vendor_build, TORCH, both).findings == ()
    assert judge(wrong_vendor_build, TORCH, PciBus(devices=(AMD,)), WORKS).findings == ()


def test_skipped_without_a_version() -> None:
    assert judge(wrong_vendor_build, TorchInstall(present=False), BUS).result.status == "skipped"


def test_fires_where_a_report_names_a_gpu_of_amds_and_none_is_seen() -> None:
    blind, amd = TorchRuntime(cuda_available=False), Reading(amd_line=3)
    [finding] = judge(wrong_vendor_build, TORCH, blind, amd).findings
    assert finding.title.endswith("the report names a GPU of AMD's (line 3)")
    assert judge(wrong_vendor_build, TORCH, blind, amd, NVML).findings == ()
    assert judge(wrong_vendor_build, TORCH, blind, Reading()).findings == ()
    assert judge(wrong_vendor_build, TORCH, amd).findings == ()


def test_fires_on_rocm_where_only_nvidias_driver_is_known() -> None:
    [finding] = judge(wrong_vendor_build, ROCM, Nvml(driver_version="535.129.03")).findings
    assert finding.title.endswith("the GPU is one that NVIDIA's driver runs")
