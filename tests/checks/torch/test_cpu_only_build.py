from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import (
    Distribution,
    Message,
    Messages,
    Packages,
    ProcessLibraries,
    System,
    TorchInstall,
    TorchRuntime,
)
from envdoctor_checks.torch.cpu_only_build import cpu_only_build
from healthy import CUDA, NVML, PYTHON, TORCH, TORCH_CPU, WORKS
from running import WITH_CUDA, WITHOUT_CUDA


def test_fires_from_the_files() -> None:
    [finding] = judge(cpu_only_build, TORCH_CPU, CUDA, PYTHON).findings
    assert finding.title == "torch 2.13.0+cpu was built without CUDA; NVIDIA GeForce RTX 4090 stays unused"
    assert "--force-reinstall" in (finding.fix[0].command or "")


def test_the_fix_is_for_this_driver_and_takes_the_companions_along() -> None:
    vision = Packages(distributions=(Distribution(name="torchvision", version="0.28.0+cpu", location="/x"),))
    [finding] = judge(cpu_only_build, TORCH_CPU, CUDA, PYTHON, vision).findings
    assert "torchvision==" in (finding.fix[0].command or "")


def test_fires_from_the_import_alone() -> None:
    [finding] = judge(cpu_only_build, TorchRuntime(version="2.13.0+cpu", cuda="", hip="")).findings
    assert finding.title == "torch 2.13.0+cpu was built without CUDA"


def test_fires_on_torchs_words() -> None:
    said = Messages(
        messages=(Message(key="torch-not-compiled-with-cuda", text="Torch not compiled with CUDA enabled"),)
    )
    assert len(judge(cpu_only_build, said).findings) == 1


def test_silent_on_cuda_rocm_and_on_a_mac() -> None:
    assert judge(cpu_only_build, TORCH, WORKS).findings == ()
    rocm = TorchInstall(present=True, version="2.9.1+rocm6.4", cuda="", hip="6.4", module_kind="package")
    assert judge(cpu_only_build, rocm).findings == ()
    assert judge(cpu_only_build, TORCH_CPU, System(platform="darwin")).findings == ()


def test_skipped_where_the_build_is_unknown() -> None:
    assert judge(cpu_only_build, TorchInstall(present=True)).result.status == "skipped"


def test_fires_on_a_process_with_a_torch_without_cuda_whatever_is_installed_now() -> None:
    [finding] = judge(cpu_only_build, WITHOUT_CUDA, TORCH, NVML).findings
    assert finding.title.startswith("torch 2.13.0+cpu was built without CUDA")
    assert finding.confidence == "certain"


def test_silent_on_a_process_with_cuda_and_where_its_build_is_unknown() -> None:
    assert judge(cpu_only_build, WITH_CUDA, TORCH_CPU).findings == ()
    unknown = ProcessLibraries(libraries=WITHOUT_CUDA.libraries)
    assert judge(cpu_only_build, unknown, TORCH).findings == ()
