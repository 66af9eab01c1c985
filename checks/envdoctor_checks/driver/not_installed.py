"""driver.not-installed"""

from __future__ import annotations

import re
from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, check
from envdoctor.diagnose.driver_remedy import install_driver
from envdoctor.diagnose.loaded import out_of_the_way, short
from envdoctor.diagnose.predicates import (
    driver_version,
    gpus_on_bus,
    in_container,
    libcuda_on_path,
    nvml_on_path,
    nvml_works,
    on_jetson,
    on_wsl,
)
from envdoctor.facts import (
    Container,
    CudaDriver,
    DriverLibraries,
    Environment,
    Evidence,
    KernelModule,
    Nvml,
    PciBus,
    System,
)

ECHOES = ("driver.module-not-loaded", "driver.device-nodes-missing", "cuda.init-failed", "cuda.library-missing")
DAMAGED = re.compile(r"(?P<path>/.+?): (?P<why>.+)")
"""The loader's words on a file that it found and could not take; what it does not find it calls by its bare name."""


@check("driver.not-installed", fields=("kernel_module.loaded",), explains=ECHOES)
def not_installed(
    kernel_module: KernelModule,
    driver_libraries: DriverLibraries | None,
    pci_bus: PciBus | None,
    nvml: Nvml | None,
    cuda_driver: CudaDriver | None,
    container: Container | None,
    system: System | None,
    environment: Environment | None,
) -> Iterator[Finding]:
    """A GPU is in the machine, and the NVIDIA driver is not, or only half of it: libcuda.so.1 is missing.

    What it means:
    torch's wheels bring CUDA, but never the driver: libcuda.so.1 and the kernel module belong to the operating system. Without them torch
    says "Found no NVIDIA driver on your system".

    How to confirm it by hand:
    `ldconfig -p | grep libcuda.so.1` prints nothing, `lsmod | grep nvidia` prints nothing, `lspci -nn -d 10de:` shows the card.

    Ways out:
    Install the driver that your distribution packages, and restart. A CUDA toolkit is not needed for torch.

    Often mistaken for:
    A missing CUDA toolkit. A container that was started without the GPU: there the driver is on the host (container.gpu-not-passed). A
    driver whose module is merely not loaded: its libraries are there (driver.module-not-loaded).
    """
    if in_container(container) or on_wsl(system):
        return
    if libcuda_on_path(driver_libraries, cuda_driver) is not False:
        return
    if on_jetson(system) or kernel_module.loaded or nvml_works(nvml):
        runs = _runs(kernel_module, nvml)
        damaged = DAMAGED.match((cuda_driver.load_error or "") if cuda_driver is not None else "")
        if damaged is not None:
            yield _damaged(damaged["path"], damaged["why"], runs, driver_libraries, environment, system)
            return
        yield from _half(kernel_module, nvml, driver_libraries, system, runs)
        return
    if nvml_on_path(driver_libraries, nvml) is True:
        return
    gpus = gpus_on_bus(pci_bus)
    if not gpus or kernel_module.nouveau_loaded:
        return
    name = gpus[0].name or f"10de:{gpus[0].device}"
    yield Finding(
        title=f"{name} is on the PCI bus; no libcuda.so.1 and no nvidia kernel module",
        detail="The NVIDIA driver is not installed. torch's wheels never bring it.",
        evidence=(
            gpus[0].says("address"),
            kernel_module.says("loaded", "no nvidia module"),
            *((driver_libraries.says("copies", "no libcuda.so.1, no libnvidia-ml.so.1"),) if driver_libraries else ()),
        ),
        fix=(install_driver(system),),
    )


def _runs(module: KernelModule, nvml: Nvml | None) -> str:
    """What of the driver is there all the same."""
    version = driver_version(nvml, module)
    if module.loaded:
        return f"kernel module {version or 'nvidia'} is loaded"
    return f"NVML answers (driver {version})" if nvml_works(nvml) else "this is a Jetson"


def _damaged(
    path: str,
    why: str,
    runs: str,
    libraries: DriverLibraries | None,
    environment: Environment | None,
    system: System | None,
) -> Finding:
    """The loader found a file of that name, and it is no library: emptied, half copied, not readable."""
    copy = libraries.winner("libcuda.so.1") if libraries is not None else None
    found_by = copy.found_by if copy is not None and path in (copy.path, copy.real_path) else None
    in_front = found_by in ("LD_LIBRARY_PATH", "LD_PRELOAD")
    end = f" cannot be loaded: {why}; {runs}"
    return Finding(
        title=f"{short(path, max(20, 100 - len(end)))}{end}",
        detail="The loader takes this file for the driver's library for CUDA, and looks for no other one.",
        evidence=(Evidence("loading libcuda.so.1", f"{path}: {why}"),),
        fix=(out_of_the_way(path, found_by, environment),) if in_front else (install_driver(system),),
    )


def _half(
    module: KernelModule, nvml: Nvml | None, libraries: DriverLibraries | None, system: System | None, runs: str
) -> Iterator[Finding]:
    """The module runs, or NVML answers, and the library that CUDA programs load was never installed: distributions pack it by itself."""
    yield Finding(
        title=f"No libcuda.so.1 on the loader's path; {runs}",
        detail="The driver's library for CUDA is not installed. torch's wheels never bring it.",
        evidence=(
            *((libraries.says("copies", "no libcuda.so.1"),) if libraries is not None else ()),
            *((module.says("version"),) if module.loaded else ()),
            *((nvml.says("driver_version"),) if nvml is not None and nvml.driver_version else ()),
        ),
        fix=(install_driver(system),),
    )
