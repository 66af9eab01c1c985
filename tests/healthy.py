"""Facts of a healthy machine, for tests of single checks: a workstation with one RTX 4090."""

from __future__ import annotations

from envdoctor.facts import (
    Container,
    CudaDevice,
    CudaDriver,
    DeviceNode,
    DeviceNodes,
    DriverLibraries,
    DriverLibrary,
    Interpreter,
    KernelModule,
    Nvml,
    NvmlGpu,
    PciBus,
    PciDevice,
    System,
    TorchInstall,
    TorchRuntime,
)

GPU = PciDevice(
    address="0000:01:00.0",
    vendor="10de",
    device="2684",
    device_class="0300",
    name="GeForce RTX 4090",
    driver="nvidia",
    bar_unassigned=False,
)
UNBOUND = PciDevice(
    address="0000:01:00.0", vendor="10de", device="2684", device_class="0300", name="GeForce RTX 4090", driver=""
)
BUS = PciBus(devices=(GPU,), device_count=12)
BUS_UNBOUND = PciBus(devices=(UNBOUND,), device_count=12)
EMPTY_BUS = PciBus(devices=(), device_count=12)
UBUNTU = System(
    platform="linux",
    distribution="ubuntu",
    kernel="6.8.0-60-generic",
    hypervisor="none",
    wsl=0,
    jetson=False,
    user="ada",
)
MODULE = KernelModule(loaded=True, version="595.45.04", flavour="proprietary", uvm_loaded=True, nouveau_loaded=False)
NO_MODULE = KernelModule(loaded=False, nouveau_loaded=False)
CUDA = CudaDriver(
    library="/usr/lib/libcuda.so.595.45.04",
    init_code=0,
    driver_version=13020,
    device_count=1,
    devices=(CudaDevice(ordinal=0, name="NVIDIA GeForce RTX 4090", compute_capability="8.9"),),
)
CUDA_FAILS = CudaDriver(library="/usr/lib/libcuda.so.595.45.04", init_code=100, driver_version=13020)
NO_CUDA = CudaDriver(library="", load_error="libcuda.so.1: cannot open shared object file")
NVML = Nvml(
    library="/usr/lib/libnvidia-ml.so.595.45.04",
    init_code=0,
    driver_version="595.45.04",
    cuda_driver_version=13020,
    device_count=1,
    gpus=(NvmlGpu(index=0, error=0, name="NVIDIA GeForce RTX 4090", compute_capability="8.9", compute_mode=0),),
)
NO_NVML = Nvml(library="", load_error="NVML Shared Library Not Found")
OUTSIDE = Container(inside=False, engine="none")
DOCKER = Container(inside=True, engine="docker", injected=(), visible_devices="", driver_capabilities="")
PYTHON = Interpreter(
    path="/opt/venv/bin/python",
    version="3.11.7",
    machine="x86_64",
    bits=64,
    libc="glibc 2.35",
    implementation="cpython",
    has_pip=True,
)
TORCH = TorchInstall(
    present=True,
    version="2.5.1+cu124",
    cuda="12.4",
    hip="",
    module_kind="package",
    has_cuda_library=True,
    location="/opt/venv/lib",
)
TORCH_CPU = TorchInstall(
    present=True,
    version="2.13.0+cpu",
    cuda="",
    hip="",
    module_kind="package",
    has_cuda_library=False,
    location="/opt/venv/lib",
)
WORKS = TorchRuntime(
    version="2.5.1+cu124", cuda="12.4", cuda_available=True, works=True, arch_list=("sm_80", "sm_86", "sm_90")
)


def library(
    version: str = "595.45.04", name: str = "libcuda.so.1", folder: str = "/usr/lib", kind: str = "driver"
) -> DriverLibrary:
    """One driver library that the loader takes."""
    return DriverLibrary(
        name="libcuda.so.1" if name == "libcuda.so.1" else "libnvidia-ml.so.1",
        path=f"{folder}/{name}",
        real_path=f"{folder}/{name.removesuffix('.1')}.{version}",
        version=version,
        kind="compat" if kind == "compat" else "stub" if kind == "stub" else "wsl" if kind == "wsl" else "driver",
        found_by="ld.so.cache",
        wins=True,
    )


LIBRARIES = DriverLibraries(copies=(library(), library(name="libnvidia-ml.so.1")))
NO_LIBRARIES = DriverLibraries(copies=())


def nodes(*names: str, error: str | None = None, mode: str = "crw-rw-rw-", group: str = "root") -> DeviceNodes:
    """/dev with these NVIDIA nodes; nvidiactl and nvidia-uvm are always listed."""
    found = [
        DeviceNode(
            path=f"/dev/{name}", exists=True, mode=mode, owner="root", group=group, openable=error is None, error=error
        )
        for name in names
    ]
    missing = [
        DeviceNode(path=f"/dev/{name}", exists=False) for name in ("nvidiactl", "nvidia-uvm") if name not in names
    ]
    return DeviceNodes(nodes=(*found, *missing))


NODES = nodes("nvidiactl", "nvidia0", "nvidia-uvm")
NO_NODES = nodes()
