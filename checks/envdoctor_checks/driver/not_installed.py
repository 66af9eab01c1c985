"""driver.not-installed"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, check
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
from envdoctor.diagnose.remedy import install_driver
from envdoctor.facts import Container, CudaDriver, DriverLibraries, KernelModule, Nvml, PciBus, System

ECHOES = ("driver.module-not-loaded", "driver.device-nodes-missing", "cuda.init-failed", "cuda.library-missing")


@check("driver.not-installed", fields=("kernel_module.loaded",), explains=ECHOES)
def not_installed(
    kernel_module: KernelModule,
    driver_libraries: DriverLibraries | None,
    pci_bus: PciBus | None,
    nvml: Nvml | None,
    cuda_driver: CudaDriver | None,
    container: Container | None,
    system: System | None,
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
    if in_container(container) or on_wsl(system) or on_jetson(system):
        return
    if libcuda_on_path(driver_libraries, cuda_driver) is not False:
        return
    if kernel_module.loaded or nvml_works(nvml):
        yield from _half(kernel_module, nvml, driver_libraries, system)
        return
    if nvml_on_path(driver_libraries, nvml) is True:
        return
    gpus = gpus_on_bus(pci_bus)
    if not gpus or kernel_module.nouveau_loaded:
        return
    name = gpus[0].name or f"10de:{gpus[0].device}"
    yield Finding(
        title=f"{name} is on the PCI bus; no libcuda.so.1 and no nvidia kernel module"[:100],
        detail="The NVIDIA driver is not installed. torch's wheels never bring it.",
        evidence=(
            gpus[0].says("address"),
            kernel_module.says("loaded", "no nvidia module"),
            *((driver_libraries.says("copies", "no libcuda.so.1, no libnvidia-ml.so.1"),) if driver_libraries else ()),
        ),
        fix=(install_driver(system),),
    )


def _half(
    module: KernelModule, nvml: Nvml | None, libraries: DriverLibraries | None, system: System | None
) -> Iterator[Finding]:
    """The module runs, or NVML answers, and the library that CUDA programs load was never installed: distributions pack it by itself."""
    version = driver_version(nvml, module)
    runs = f"kernel module {version or 'nvidia'} is loaded" if module.loaded else f"NVML answers (driver {version})"
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
