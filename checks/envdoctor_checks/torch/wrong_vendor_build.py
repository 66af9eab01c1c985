"""torch.wrong-vendor-build"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import compute_capabilities, driver_cuda, torch_version, torch_works
from envdoctor.diagnose.remedy import TORCH_INDEX, pip_install, torch_wheel
from envdoctor.facts import CudaDriver, Interpreter, Nvml, PciBus, PciDevice, Reading, TorchInstall, TorchRuntime

MAKER = {"rocm": ("AMD ROCm", "1002"), "xpu": ("Intel XPU", "8086"), "cuda": ("NVIDIA CUDA", "10de")}


@check(
    "torch.wrong-vendor-build",
    fields=("torch_install.version",),
    explains=(
        "hardware.no-gpu",
        "cuda.init-failed",
        "driver.not-installed",
        "torch.import-fails",
        "cuda.library-missing",
    ),
)
def wrong_vendor_build(
    torch_install: TorchInstall,
    torch_runtime: TorchRuntime | None,
    pci_bus: PciBus | None,
    nvml: Nvml | None,
    cuda_driver: CudaDriver | None,
    interpreter: Interpreter | None,
    reading: Reading | None,
) -> Iterator[Finding]:
    """This torch was built for another maker's GPU than the one in the machine.

    What it means:
    CUDA builds use NVIDIA GPUs, ROCm builds AMD's, XPU builds Intel's; each ignores the others.

    How to confirm it by hand:
    `<interpreter> -c "import torch; print(torch.version.cuda, torch.version.hip)"` against `lspci -nn | grep -Ei 'vga|3d|display'`.

    Ways out:
    Install the build for the GPU that is there.

    Often mistaken for:
    A driver problem.
    """
    build = torch_install.build
    if build not in MAKER or torch_works(torch_runtime):
        return
    nvidia = _nvidia(pci_bus, nvml, cuda_driver)
    amd = _discrete(pci_bus, "1002")
    version = torch_version(torch_install, torch_runtime)
    if build in ("rocm", "xpu") and nvidia and not (build == "rocm" and amd):
        fix = torch_wheel(
            interpreter,
            driver_cuda=driver_cuda(cuda_driver, nvml),
            compute_capabilities=compute_capabilities(cuda_driver, nvml),
        )
        yield _finding(
            f"torch {version} is built for {MAKER[build][0]}; the GPU is {nvidia}", torch_install, pci_bus, fix
        )
    elif build == "cuda" and amd is not None and pci_bus is not None and not nvidia and amd.driver == "amdgpu":
        command = pip_install(interpreter, "torch", reinstall=True, index=TORCH_INDEX + "rocm6.4")
        fix = Fix("Install a torch built for ROCm, if ROCm supports this GPU", command)
        yield _finding(
            f"torch {version} is built for NVIDIA CUDA; the GPU is AMD 1002:{amd.device}", torch_install, pci_bus, fix
        )
    elif (
        build == "cuda"
        and reading is not None
        and reading.amd_line is not None
        and not nvidia
        and _sees_none(torch_runtime)
    ):
        command = pip_install(interpreter, "torch", reinstall=True, index=TORCH_INDEX + "rocm6.4")
        fix = Fix("Install a torch built for ROCm, if ROCm supports this GPU", command)
        title = f"torch {version} is built for NVIDIA CUDA; the report names a GPU of AMD's (line {reading.amd_line})"
        yield _finding(title, torch_install, pci_bus, fix)


def _sees_none(runtime: TorchRuntime | None) -> bool:
    return runtime is not None and runtime.cuda_available is False


def _nvidia(pci: PciBus | None, nvml: Nvml | None, cuda: CudaDriver | None) -> str | None:
    """The name of the NVIDIA GPU that is there; None: none is known."""
    names = [d.name for d in (cuda.devices if cuda else ())] + [g.name for g in (nvml.gpus if nvml else ())]
    on_bus = [gpu.name or f"NVIDIA 10de:{gpu.device}" for gpu in (pci.nvidia_gpus if pci else ())]
    driven = "one that NVIDIA's driver runs" if nvml is not None and nvml.driver_version else None
    return next((name for name in [*names, *on_bus] if name), driven)


def _discrete(pci: PciBus | None, vendor: str) -> PciDevice | None:
    return next(
        (device for device in (pci.devices if pci else ()) if device.vendor == vendor and device.is_display), None
    )


def _finding(title: str, install: TorchInstall, pci: PciBus | None, fix: Fix) -> Finding:
    displays = tuple(device for device in (pci.devices if pci else ()) if device.is_display)
    return Finding(
        title=title,
        evidence=(
            install.says("version"),
            install.says("hip" if install.build == "rocm" else "cuda"),
            *(device.says("address", f"{device.address} {device.vendor}:{device.device}") for device in displays[:3]),
        ),
        fix=(fix,),
    )
