"""cuda.driver-too-old"""

from __future__ import annotations

import re
from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.compatibility import clash, driver_runs, of_smi
from envdoctor.diagnose.driver_remedy import install_driver
from envdoctor.diagnose.predicates import (
    compute_capabilities,
    dotted,
    driver_version,
    in_container,
    library_version,
    on_jetson,
    on_wsl,
    torch_cuda,
    torch_version,
    torch_works,
)
from envdoctor.diagnose.remedy import torch_wheel
from envdoctor.diagnose.said import confidence_of, pointing_at, quoted
from envdoctor.facts import (
    Container,
    CudaDriver,
    DriverLibraries,
    Evidence,
    Interpreter,
    KernelModule,
    Messages,
    NvidiaSmi,
    Nvml,
    Packages,
    System,
    TorchInstall,
    TorchRuntime,
)
from envdoctor.knowledge import drivers

FOUND = re.compile(r"too old \(found version (?P<number>\d{4,5})\)")
COMPILES_PTX = ("cuda-unsupported-ptx", "ptxas-version-unsupported")
"""Minor-version compatibility does not hold for PTX, which the driver compiles."""
COMPANIONS = ("torchvision", "torchaudio")


@check(
    "cuda.driver-too-old",
    fields=(
        "cuda_driver.driver_version|nvml.cuda_driver_version|nvml.driver_version|kernel_module.version"
        "|nvidia_smi.cuda_version|nvidia_smi.driver_version|messages.messages",
        "torch_runtime.cuda|torch_install.cuda|messages.messages",
    ),
    explains=("cuda.init-failed", "compute.jit"),
)
def driver_too_old(
    cuda_driver: CudaDriver | None,
    nvml: Nvml | None,
    kernel_module: KernelModule | None,
    nvidia_smi: NvidiaSmi | None,
    driver_libraries: DriverLibraries | None,
    torch_runtime: TorchRuntime | None,
    torch_install: TorchInstall | None,
    messages: Messages | None,
    interpreter: Interpreter | None,
    system: System | None,
    container: Container | None,
    packages: Packages | None,
) -> Iterator[Finding]:
    """The NVIDIA driver is older than the CUDA that torch was built with.

    What it means:
    A driver runs programs of its own CUDA version, of older ones, and of newer ones of the same major version: CUDA 11 from driver
    450.80.02 on, CUDA 12 from 525.60.13 on, CUDA 13 from 580.65.06 on. So it is the major version that decides: a driver of CUDA 12.2
    runs a torch for 12.8, and none for 13.0.

    How to confirm it by hand:
    `nvidia-smi` shows the driver's version and the highest CUDA that it runs; `python -c 'import torch; print(torch.version.cuda)'` is
    what torch needs.

    Ways out:
    Update the driver; or install a torch that is built for the CUDA of the driver, which needs no root. On data-center GPUs a cuda-compat
    package of the newer CUDA on the loader's path is a third way.

    Often mistaken for:
    A missing CUDA toolkit: torch needs none. A driver whose CUDA has a lower minor version than torch's: that is fine.
    """
    cuda = torch_cuda(torch_install, torch_runtime)
    if cuda == "" or _seen_to_run(torch_runtime) or on_jetson(system):
        return
    known = driver_runs(cuda_driver, nvml, kernel_module, nvidia_smi, driver_libraries)
    version = driver_version(nvml, kernel_module) or of_smi(nvidia_smi) or library_version(driver_libraries, nvml)
    said = next(iter(pointing_at(messages, "cuda.driver-too-old")), None)
    found = FOUND.search(said.text) if said is not None else None
    if known is None and said is not None and found is not None and messages is not None:
        place, number = messages.says("messages", said.text).source, int(found["number"])
        known = (number, Evidence(place, f"CUDA {dotted(number)} (found version {number})"))
    build = f"torch {torch_version(torch_install, torch_runtime) or ''}".strip()
    title = None
    if known is not None and cuda:
        title = clash(known[0], version, cuda, build, linux=not on_wsl(system))
    elif known is not None and found is not None:
        title = f"The driver runs CUDA {dotted(known[0])} at most; {build} is built for a newer one"
    evidence = tuple(known[1:]) if known is not None else ()
    if title is None and said is not None and _the_text_decides(said.key, known, cuda_driver, driver_libraries):
        title, known = f"The driver is too old: {quoted(said, 76)}", None
    if title is None:
        return
    yield Finding(
        title=title,
        detail="Drivers run the programs of older CUDA versions and of newer ones of the same major version, not of a newer major version.",
        evidence=(
            *evidence,
            *_more_evidence(nvml, kernel_module, torch_runtime, torch_install),
            *((messages.says("messages", said.text),) if messages is not None and said is not None else ()),
        ),
        fix=_ways_out(
            known[0] if known else None,
            cuda,
            cuda_driver,
            nvml,
            interpreter,
            system,
            container,
            torch_install,
            packages,
        ),
        confidence="certain" if known is not None else confidence_of(said) if said is not None else "likely",
    )


def _seen_to_run(runtime: TorchRuntime | None) -> bool:
    """Whether torch was seen to start CUDA. What NVML counts proves nothing: PYTORCH_NVML_BASED_CUDA_CHECK asks only that."""
    start = runtime.stage("cuda-init") if runtime is not None else None
    available = runtime is not None and runtime.cuda_available is True
    return torch_works(runtime) or (available and (start is None or start.status == "ok"))


def _the_text_decides(
    key: str, known: tuple[int, Evidence] | None, cuda: CudaDriver | None, libraries: DriverLibraries | None
) -> bool:
    """Whether a message stands where the versions do not clash. The runtime says "insufficient driver" where there is none, too."""
    if known is not None and key not in COMPILES_PTX:
        return False
    if cuda is not None:
        return cuda.library != ""
    return libraries is None or libraries.winner("libcuda.so.1") is not None


def _more_evidence(
    nvml: Nvml | None, module: KernelModule | None, runtime: TorchRuntime | None, install: TorchInstall | None
) -> Iterator[Evidence]:
    if nvml is not None and nvml.driver_version:
        yield nvml.says("driver_version")
    elif module is not None and module.version:
        yield module.says("version")
    if runtime is not None and runtime.cuda:
        yield Evidence("torch.version.cuda", runtime.cuda)
    elif install is not None and install.cuda:
        yield install.says("cuda")


def _ways_out(
    number: int | None,
    cuda: str | None,
    cuda_driver: CudaDriver | None,
    nvml: Nvml | None,
    interpreter: Interpreter | None,
    system: System | None,
    container: Container | None,
    install: TorchInstall | None,
    packages: Packages | None,
) -> tuple[Fix, ...]:
    """A driver that runs the build, where one drives this GPU; and a build that the driver runs."""
    capabilities = tuple(dict.fromkeys(compute_capabilities(cuda_driver, nvml)))
    companions = [name for name in COMPANIONS if packages is not None and packages.get(name) is not None]
    wheel = torch_wheel(
        interpreter,
        driver_cuda=number,
        compute_capabilities=capabilities,
        torch_version=install.version if install is not None else None,
        with_companions=companions,
    )
    major, minor = (*drivers.version_key(cuda), 0)[:2] if cuda else (0, 0)
    lowest = drivers.lowest_driver_for(major, minor)
    if lowest is None or any(drivers.drives(lowest, capability) is False for capability in capabilities):
        return (wheel,)
    builds = (wheel,) if wheel.command else ()
    if in_container(container):
        return (*builds, Fix(f"Update the driver on the host to {lowest} or newer"))
    return (install_driver(system, at_least=lowest), *builds)
