"""torch.cpu-only-build"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, check
from envdoctor.diagnose.predicates import compute_capabilities, driver_cuda, torch_version
from envdoctor.diagnose.remedy import torch_wheel
from envdoctor.facts import (
    CudaDriver,
    Interpreter,
    Messages,
    Nvml,
    Packages,
    ProcessLibraries,
    System,
    TorchInstall,
    TorchRuntime,
)

SAID = ("torch-not-compiled-with-cuda", "torch-compiled-without-cuda", "collect-env-cpu-build", "torch-no-cudart")


@check(
    "torch.cpu-only-build",
    fields=("torch_install.cuda|torch_runtime.cuda|messages.messages|process_libraries.torch_cuda",),
    explains=("cudnn.missing", "nccl.missing", "compute.cpu-fallback"),
)
def cpu_only_build(
    torch_install: TorchInstall | None,
    torch_runtime: TorchRuntime | None,
    messages: Messages | None,
    interpreter: Interpreter | None,
    cuda_driver: CudaDriver | None,
    nvml: Nvml | None,
    packages: Packages | None,
    system: System | None,
    process_libraries: ProcessLibraries | None,
) -> Iterator[Finding]:
    """The installed torch was built without CUDA, so it can only use the processor.

    What it means:
    A build with `+cpu` in its version, or from an index or a platform that only has CPU builds (Windows and Arm wheels of the
    default index, conda-forge's CPU variant, an installer that resolved to it). `torch.cuda.is_available()` is False whatever the driver.

    How to confirm it by hand:
    `<interpreter> -c "import torch; print(torch.__version__, torch.version.cuda)"` prints None for the second.

    Ways out:
    Install a build with CUDA that this driver runs. pip keeps an installed CPU build when asked for the same version, so reinstall by force.

    Often mistaken for:
    A driver problem. Installing a CUDA toolkit does not help: the build decides.
    """
    if system is not None and system.platform == "darwin":
        return
    if messages is not None and messages.has("python-no-module-torch") is not None:
        return  # of a report: whatever is installed, the interpreter that ran has none of it
    version = torch_version(torch_install, torch_runtime)
    mapped = process_libraries if process_libraries is not None and process_libraries.torch else None
    if mapped is not None and mapped.torch_with_cuda:
        return
    by_map = mapped is not None and mapped.torch_cuda == "" and mapped.torch_hip == "" and not mapped.named("torch_xpu")
    version = mapped.torch_version or version if mapped is not None and by_map else version
    by_files = torch_install is not None and torch_install.build == "cpu" and not torch_install.has_cuda_library
    by_import = torch_runtime is not None and torch_runtime.cuda == "" and not torch_runtime.hip
    said = next((m for key in SAID if messages is not None and (m := messages.has(key)) is not None), None)
    has_cuda = (torch_install is not None and bool(torch_install.cuda)) or (
        torch_runtime is not None and bool(torch_runtime.cuda)
    )
    if (has_cuda and not by_map) or not (by_files or by_import or by_map or said is not None):
        return
    if torch_install is not None and (torch_install.build in ("rocm", "xpu") or torch_install.module_kind == "shadow"):
        return
    gpu = next((device.name for device in (cuda_driver.devices if cuda_driver else ()) if device.name), None)
    gpu = gpu or next((card.name for card in (nvml.gpus if nvml else ()) if card.name), None)
    companions = [name for name in ("torchvision", "torchaudio") if packages is not None and packages.get(name)]
    runs = driver_cuda(cuda_driver, nvml)
    yield Finding(
        title=f"torch {version or ''} was built without CUDA".replace("  ", " ")
        + (f"; {gpu} stays unused" if gpu else ""),
        detail="It can only use the processor, whatever the driver.",
        evidence=(
            *(
                (torch_install.says("cuda", "None (built without CUDA)"),)
                if torch_install is not None and by_files
                else ()
            ),
            *(
                (torch_runtime.says("cuda", "torch.version.cuda is None"),)
                if torch_runtime is not None and by_import
                else ()
            ),
            *(
                (mapped.says("torch_cuda", "None, and no libtorch_cuda is mapped"),)
                if mapped is not None and by_map
                else ()
            ),
            *((messages.says("messages", said.text),) if messages is not None and said is not None else ()),
        ),
        fix=(
            torch_wheel(
                interpreter,
                driver_cuda=runs,
                compute_capabilities=compute_capabilities(cuda_driver, nvml),
                torch_version=version.partition("+")[0] if version else None,
                with_companions=companions,
            ),
        ),
        confidence="certain"
        if by_import or by_map or said is not None or not _only_listed(torch_runtime, cuda_driver, nvml, interpreter)
        else "likely",
    )


def _only_listed(
    runtime: TorchRuntime | None, cuda: CudaDriver | None, nvml: Nvml | None, interpreter: Interpreter | None
) -> bool:
    """Whether nothing but a list of packages tells of this torch: it can be another machine's."""
    return runtime is None and cuda is None and nvml is None and interpreter is None
