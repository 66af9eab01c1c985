"""Questions that several checks ask of the same facts. Three answers: yes, no, and None for "nobody could tell"."""

from __future__ import annotations

from envdoctor.facts import (
    Container,
    CudaDriver,
    DeviceNodes,
    DriverLibraries,
    KernelModule,
    Nvml,
    PciBus,
    PciDevice,
    ProbeDeaths,
    System,
    TorchInstall,
    TorchRuntime,
)


def cuda_works(cuda_driver: CudaDriver | None, torch_runtime: TorchRuntime | None) -> bool:
    """Whether CUDA was seen to work: torch computed on it, or cuInit succeeded and gave a device. Success beats any table."""
    if torch_runtime is not None and torch_runtime.works:
        return True
    return cuda_driver is not None and cuda_driver.init_code == 0 and bool(cuda_driver.device_count)


def torch_works(torch_runtime: TorchRuntime | None) -> bool:
    """Whether torch itself was seen to compute on the GPU."""
    return torch_runtime is not None and torch_runtime.works is True


def in_container(container: Container | None) -> bool:
    """Whether this is known to be a container."""
    return container is not None and container.inside is True


def on_wsl(system: System | None) -> bool:
    """Whether this is known to be WSL."""
    return system is not None and bool(system.wsl)


def on_jetson(system: System | None) -> bool:
    """Whether this is known to be a Tegra board, whose GPU is not on the PCI bus."""
    return system is not None and system.jetson is True


def gpus_on_bus(pci_bus: PciBus | None) -> tuple[PciDevice, ...]:
    """The NVIDIA GPUs on the bus; none where it could not be read."""
    return pci_bus.nvidia_gpus if pci_bus is not None else ()


NVML_SPEAKS_OF_A_GPU = (4, 15, 16, 17, 18, 999)
CUDA_SPEAKS_OF_A_GPU = (2, 46, 802, 803, 804)
"""Codes that only a running kernel module gives (no permission, lost, blocked, another version, unknown, busy, fabric, compat): it runs only
where there is a GPU, even one that the bus does not show us (gVisor, a container without /sys)."""


def gpu_seen(pci_bus: PciBus | None, nvml: Nvml | None, cuda_driver: CudaDriver | None) -> bool | None:
    """Whether anybody sees an NVIDIA GPU; None: nobody who could look."""
    if gpus_on_bus(pci_bus) or (nvml and nvml.device_count) or (cuda_driver and cuda_driver.device_count):
        return True
    if _error_of_a_module(nvml, cuda_driver) or _cuda_unmasked(cuda_driver):
        return True
    return False if pci_bus is not None else None


def module_answers(nvml: Nvml | None, cuda_driver: CudaDriver | None) -> bool:
    """Whether a running kernel module was seen to answer, be it with an error, whatever /proc and /sys show of it."""
    works = nvml_works(nvml) or cuda_works(cuda_driver, None) or _cuda_unmasked(cuda_driver)
    return works or _error_of_a_module(nvml, cuda_driver)


def _error_of_a_module(nvml: Nvml | None, cuda_driver: CudaDriver | None) -> bool:
    if nvml is not None and nvml.init_code in NVML_SPEAKS_OF_A_GPU:
        return True
    return cuda_driver is not None and cuda_driver.init_code in CUDA_SPEAKS_OF_A_GPU


def _cuda_unmasked(cuda_driver: CudaDriver | None) -> bool:
    """Whether CUDA was seen to work once CUDA_VISIBLE_DEVICES was taken away."""
    return cuda_driver is not None and cuda_driver.unmasked_init_code == 0


def driver_hangs(probe_deaths: ProbeDeaths | None) -> bool:
    """Whether a call into the driver never came back: without a kernel module and a GPU it fails at once."""
    deaths = [probe_deaths.within(probe) for probe in ("nvml", "cuda_driver")] if probe_deaths is not None else []
    return any(death is not None and death.kind == "timeout" for death in deaths)


def init_failed(cuda_driver: CudaDriver | None) -> bool:
    """Whether cuInit is known to have failed."""
    return cuda_driver is not None and cuda_driver.init_code not in (None, 0)


def nvml_works(nvml: Nvml | None) -> bool:
    """Whether nvmlInit succeeded."""
    return nvml is not None and nvml.init_code == 0


def libcuda_on_path(libraries: DriverLibraries | None, cuda_driver: CudaDriver | None) -> bool | None:
    """Whether the loader finds a libcuda.so.1; None: unknown."""
    if cuda_driver is not None and cuda_driver.library is not None:
        return cuda_driver.library != ""
    return libraries.winner("libcuda.so.1") is not None if libraries is not None else None


def nvml_on_path(libraries: DriverLibraries | None, nvml: Nvml | None) -> bool | None:
    """Whether the loader finds a libnvidia-ml.so.1; None: unknown."""
    if nvml is not None and nvml.library is not None:
        return nvml.library != ""
    return libraries.winner("libnvidia-ml.so.1") is not None if libraries is not None else None


def library_version(libraries: DriverLibraries | None, nvml: Nvml | None) -> str | None:
    """The driver version of the user-space libraries that are taken, from their files, else as NVML says it."""
    for name in ("libcuda.so.1", "libnvidia-ml.so.1"):
        winner = libraries.winner(name) if libraries is not None else None
        if winner is not None and winner.kind == "driver" and winner.version:
            return winner.version
    if nvml is not None and nvml.library_version:
        first, _, rest = nvml.library_version.partition(".")
        return nvml.library_version if len(first) == 3 else rest or None  # NVML puts its CUDA in front: 12.550.54.15
    return None


def driver_version(nvml: Nvml | None, kernel_module: KernelModule | None) -> str | None:
    """The version of the driver that runs: the loaded module's, else as NVML says it."""
    if kernel_module is not None and kernel_module.version:
        return kernel_module.version
    return nvml.driver_version if nvml is not None else None


def driver_cuda(cuda_driver: CudaDriver | None, nvml: Nvml | None) -> int | None:
    """The CUDA version of the driver, ``13020`` for 13.2."""
    version = cuda_driver.driver_version if cuda_driver is not None else None
    return version or (nvml.cuda_driver_version if nvml is not None else None) or None


def compute_capabilities(cuda_driver: CudaDriver | None, nvml: Nvml | None) -> tuple[str, ...]:
    """The compute capability of every GPU that CUDA, else NVML, sees; repeated where GPUs are alike."""
    devices = tuple(d.compute_capability for d in cuda_driver.devices if d.compute_capability) if cuda_driver else ()
    return devices or (tuple(g.compute_capability for g in nvml.gpus if g.compute_capability) if nvml else ())


def nodes_seen(device_nodes: DeviceNodes | None) -> bool | None:
    """Whether any GPU's device node is there."""
    return bool(device_nodes.gpu_nodes) if device_nodes is not None else None


def torch_version(install: TorchInstall | None, runtime: TorchRuntime | None) -> str | None:
    """The version of the torch that is examined, as it says it itself."""
    return (runtime.version if runtime is not None else None) or (install.version if install is not None else None)


def torch_cuda(install: TorchInstall | None, runtime: TorchRuntime | None) -> str | None:
    """``torch.version.cuda``; empty: built without; None: unknown."""
    if runtime is not None and runtime.cuda is not None:
        return runtime.cuda
    return install.cuda if install is not None else None


def dotted(version: int) -> str:
    """``13.2`` for 13020."""
    return f"{version // 1000}.{version % 1000 // 10}"


VENDORS = {
    "1002": "AMD",
    "8086": "Intel",
    "1af4": "virtio",
    "15ad": "VMware",
    "1a03": "ASPEED",
    "102b": "Matrox",
    "1234": "QEMU",
}
"""PCI vendors of display devices, for sentences."""


def other_gpu_serves(pci_bus: PciBus, install: TorchInstall | None) -> bool:
    """Whether another maker's GPU is there that the installed build of torch was made for."""
    vendors = {device.vendor for device in pci_bus.devices if device.is_display}
    build = install.build if install is not None else None
    return (build == "rocm" and "1002" in vendors) or (build == "xpu" and "8086" in vendors)


def other_displays(pci_bus: PciBus) -> str:
    """`` (display: Intel 8086:9a60)``: what is on the bus in place of an NVIDIA GPU; empty: nothing."""
    others = [device for device in pci_bus.devices if device.is_display and device.vendor != "10de"]
    if not others:
        return ""
    first = others[0]
    return f" (display: {VENDORS.get(first.vendor, first.vendor)} {first.vendor}:{first.device})"
