from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import CudaDevice, CudaDriver, Message, Messages, TorchRuntime
from envdoctor_checks.torch.arch_not_supported import arch_not_supported
from healthy import CUDA, PYTHON, TORCH, WORKS

ARCHS = ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90")
RUNTIME = TorchRuntime(version="2.5.1+cu124", cuda="12.4", arch_list=ARCHS, cuda_available=True, works=False)


def gpu(name: str, capability: str) -> CudaDriver:
    device = CudaDevice(ordinal=0, name=name, compute_capability=capability)
    return CudaDriver(init_code=0, driver_version=13020, device_count=1, devices=(device,))


def test_fires_on_a_gpu_that_is_too_new() -> None:
    [finding] = judge(arch_not_supported, RUNTIME, TORCH, gpu("NVIDIA GeForce RTX 5090", "12.0"), PYTHON).findings
    assert (
        finding.title
        == "NVIDIA GeForce RTX 5090 has compute capability 12.0; torch 2.5.1+cu124 has code for sm_50 to sm_90"
    )
    assert finding.confidence == "certain"
    assert "torch==" in (finding.fix[0].command or "")


def test_fires_on_a_gpu_that_is_too_old() -> None:
    runtime = msgspec.structs.replace(RUNTIME, arch_list=("sm_75", "sm_80", "sm_120"))
    [finding] = judge(arch_not_supported, runtime, gpu("NVIDIA GeForce GTX 1080 Ti", "6.1")).findings
    assert finding.title.startswith("NVIDIA GeForce GTX 1080 Ti has compute capability 6.1")


def test_fires_from_the_table_where_torch_was_not_imported() -> None:
    [finding] = judge(arch_not_supported, TORCH, gpu("NVIDIA GeForce RTX 5090", "12.0")).findings
    assert finding.confidence == "likely"


def test_fires_on_torchs_words() -> None:
    text = (
        "NVIDIA GeForce RTX 5090 with CUDA capability sm_120 is not compatible with the current PyTorch installation."
    )
    [finding] = judge(
        arch_not_supported, Messages(messages=(Message(key="torch-gpu-not-compatible", text=text),))
    ).findings
    assert finding.title.startswith("NVIDIA GeForce RTX 5090 with CUDA capability sm_120")


def test_silent_on_8_9_with_code_for_8_6() -> None:
    assert judge(arch_not_supported, RUNTIME, CUDA).findings == ()


def test_silent_where_torch_works() -> None:
    assert judge(arch_not_supported, msgspec.structs.replace(WORKS, arch_list=("sm_90",)), CUDA).findings == ()


def test_silent_without_a_gpu_or_an_arch_list() -> None:
    assert judge(arch_not_supported, RUNTIME).findings == ()
    assert judge(arch_not_supported, TorchRuntime(), CUDA).result.status == "skipped"
