"""torch.arch-not-supported"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from envdoctor.diagnose.api import Confidence, Finding, check
from envdoctor.diagnose.predicates import compute_capabilities, driver_cuda, torch_cuda, torch_version
from envdoctor.diagnose.remedy import torch_wheel
from envdoctor.facts import CudaDriver, Interpreter, Messages, Nvml, Packages, TorchInstall, TorchRuntime
from envdoctor.knowledge.archs import runs_on
from envdoctor.knowledge.releases import variant

SAID = ("torch-gpu-not-compatible", "torch-gpu-too-old", "torch-no-kernels-for-gpu", "torch-supported-capabilities", "cuda-no-kernel-image",
        "torch-no-published-build", "torch-cudnn-sm-too-old")  # fmt: skip


@check(
    "torch.arch-not-supported",
    fields=("torch_install.cuda|torch_runtime.arch_list|messages.messages",),
    explains=("torch.extension-abi-mismatch", "compute.jit", "cudnn.version-mismatch"),
)
def arch_not_supported(
    torch_install: TorchInstall | None,
    torch_runtime: TorchRuntime | None,
    cuda_driver: CudaDriver | None,
    nvml: Nvml | None,
    messages: Messages | None,
    interpreter: Interpreter | None,
    packages: Packages | None,
) -> Iterator[Finding]:
    """This build of torch has no code for the GPU's compute capability.

    What it means:
    A wheel carries machine code for a list of architectures. Code for sm_80 also runs on 8.6 and 8.9 (same major, same or higher minor), but
    not on 9.0 or 12.0, and the default wheels carry no PTX that the driver could translate. torch then sees the GPU and every
    kernel fails with "no kernel image is available for execution on the device".

    How to confirm it by hand:
    `<interpreter> -c "import torch; print(torch.cuda.get_device_capability(), torch.cuda.get_arch_list())"`.

    Ways out:
    A newer GPU: a newer torch, or its variant for a higher CUDA. An older GPU: the last release that still had it, or the variant for a lower CUDA.

    Often mistaken for:
    A driver problem. `sm_89` missing from the list is none: sm_86 code runs there.
    """
    if torch_runtime is not None and torch_runtime.works and len(set(compute_capabilities(cuda_driver, nvml))) <= 1:
        return
    archs, certain = _arch_list(torch_install, torch_runtime)
    bad = [(name, cc) for name, cc in _devices(cuda_driver, nvml) if archs and cc and runs_on(archs, cc) is None]
    said = next((m for key in SAID if messages is not None and (m := messages.has(key)) is not None), None)
    if archs and _devices(cuda_driver, nvml) and not bad:
        return
    if not bad and said is None:
        return
    version = torch_version(torch_install, torch_runtime) or ""
    if bad:
        name, cc = bad[0]
        title = f"{name or 'The GPU'} has compute capability {cc}; torch {version} has code for {_span(archs)}"
    else:
        title = " ".join(said.text.split()) if said is not None else ""
    confidence: Confidence = "certain" if certain and bad else "likely"
    source = torch_runtime if torch_runtime is not None and torch_runtime.arch_list else None
    yield Finding(
        title=title,
        detail="torch sees the GPU, and every kernel fails: no kernel image is available for execution on the device.",
        evidence=(
            *((source.says("arch_list", " ".join(archs)),) if source is not None else ()),
            *((torch_install.says("version"),) if torch_install is not None and torch_install.version else ()),
            *((messages.says("messages", said.text),) if messages is not None and said is not None else ()),
        ),
        fix=(
            torch_wheel(
                interpreter,
                driver_cuda=driver_cuda(cuda_driver, nvml),
                compute_capabilities=sorted({cc for _, cc in _devices(cuda_driver, nvml) if cc}),
                with_companions=[n for n in ("torchvision", "torchaudio") if packages is not None and packages.get(n)],
            ),
        ),
        confidence=confidence,
    )


def _devices(cuda: CudaDriver | None, nvml: Nvml | None) -> list[tuple[str | None, str | None]]:
    devices = [(device.name, device.compute_capability) for device in (cuda.devices if cuda else ())]
    return devices or [(gpu.name, gpu.compute_capability) for gpu in (nvml.gpus if nvml else ())]


def _arch_list(install: TorchInstall | None, runtime: TorchRuntime | None) -> tuple[Sequence[str], bool]:
    """What the build has code for, and whether the build itself said so (else it is the table's word)."""
    if runtime is not None and runtime.arch_list:
        return runtime.arch_list, True
    version, cuda = torch_version(install, runtime), torch_cuda(install, runtime)
    row = variant(version, cuda) if version and cuda else None
    return (row.arch_list, False) if row is not None else ((), False)


def _span(archs: Sequence[str]) -> str:
    """``sm_75 … sm_120``, in the order that the build lists them."""
    plain = [arch for arch in archs if arch.startswith("sm_")]
    return f"{plain[0]} to {plain[-1]}" if len(plain) > 2 else " ".join(archs)
