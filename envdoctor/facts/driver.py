"""The NVIDIA driver from the kernel up: module, device nodes, log, libraries, NVML, CUDA driver API."""

from __future__ import annotations

from typing import ClassVar, Literal

from envdoctor.facts.base import Fact


class DkmsModule(Fact, frozen=True, kw_only=True):
    """One line of ``dkms status`` (read from /var/lib/dkms)."""

    name: str
    version: str
    kernel: str | None = None
    state: str | None = None
    """``added``, ``built`` or ``installed``."""


class KernelModule(Fact, frozen=True, kw_only=True):
    """The kernel's side of the driver, from /proc and /sys: needs no tool, no root and no NVML."""

    default_source: ClassVar[str] = "/proc/driver/nvidia/version"

    loaded: bool | None = None
    """Whether ``nvidia`` is loaded."""
    version: str | None = None
    """``595.45.04``; the one of the loaded module."""
    flavour: Literal["open", "proprietary"] | None = None
    uvm_loaded: bool | None = None
    nouveau_loaded: bool | None = None
    peermem_loaded: bool | None = None
    proc_gpus: tuple[str, ...] | None = None
    """PCI addresses under /proc/driver/nvidia/gpus."""
    installed_file: str | None = None
    """A module file for the running kernel under /lib/modules; empty: there is none."""
    installed_kernels: tuple[str, ...] | None = None
    """Every kernel under /lib/modules that has an nvidia module."""
    dkms: tuple[DkmsModule, ...] | None = None


class DeviceNode(Fact, frozen=True, kw_only=True):
    """One device node that the GPU needs, whether it is there or not."""

    path: str
    exists: bool | None = None
    mode: str | None = None
    """``crw-rw-rw-``."""
    owner: str | None = None
    group: str | None = None
    openable: bool | None = None
    """Whether this user could open it for reading and writing."""
    error: str | None = None
    """The errno name of an attempt to open it: ``EACCES`` (permission bits), ``EPERM`` (device cgroup), ``ENXIO``, ``EIO`` …"""


class DeviceNodes(Fact, frozen=True, kw_only=True):
    """/dev/nvidiactl, /dev/nvidia-uvm, every /dev/nvidiaN, and /dev/dxg; the first two are listed even if absent."""

    default_source: ClassVar[str] = "/dev"

    nodes: tuple[DeviceNode, ...] = ()

    def node(self, path: str) -> DeviceNode | None:
        """The node at `path`, if it was looked at."""
        return next((node for node in self.nodes if node.path == path), None)

    @property
    def gpu_nodes(self) -> tuple[DeviceNode, ...]:
        """The /dev/nvidiaN that exist."""
        return tuple(n for n in self.nodes if n.path.removeprefix("/dev/nvidia").isdigit() and n.exists)


class XidEvent(Fact, frozen=True, kw_only=True):
    """One Xid line of the kernel log."""

    code: int
    pci: str | None = None
    """``0000:01:00``."""
    time: float | None = None
    """Seconds since boot."""
    text: str = ""


class KernelLog(Fact, frozen=True, kw_only=True):
    """This boot's kernel log, the lines that bear on the GPU only."""

    default_source: ClassVar[str] = "kernel log"

    lines: tuple[str, ...] = ()
    """NVRM, nvidia*, nouveau, Xid, SXid, Secure Boot and module-signature lines, newest 400."""
    xids: tuple[XidEvent, ...] = ()

    def matching(self, *needles: str) -> tuple[str, ...]:
        """The lines that hold one of `needles`, ignoring case."""
        lowered = tuple(needle.lower() for needle in needles)
        return tuple(line for line in self.lines if any(needle in line.lower() for needle in lowered))


class DriverLibrary(Fact, frozen=True, kw_only=True):
    """One copy of libcuda.so.1 or libnvidia-ml.so.1 where the loader, or a person, may find it."""

    name: Literal["libcuda.so.1", "libnvidia-ml.so.1"]
    path: str
    real_path: str
    version: str | None = None
    """The driver version in the real file's name, else read from the file itself."""
    kind: Literal["driver", "compat", "stub", "wsl", "jetson"] | None = None
    """compat: of a cuda-compat package; stub: the toolkit's, for linking only; wsl: /usr/lib/wsl/lib."""
    found_by: str
    """What finds it: ``LD_LIBRARY_PATH``, ``ld.so.cache``, ``default path``, ``interpreter RPATH``; ``nothing``: it lies on disk only."""
    wins: bool = False
    """Whether the loader takes this copy."""


class DriverLibraries(Fact, frozen=True, kw_only=True):
    """Every copy of the two driver libraries, in the loader's order."""

    copies: tuple[DriverLibrary, ...] = ()

    def winner(self, name: str) -> DriverLibrary | None:
        """The copy that the loader takes for `name`; None: none is on its path."""
        return next((copy for copy in self.copies if copy.name == name and copy.wins), None)


class NvmlProcess(Fact, frozen=True, kw_only=True):
    """A process that holds memory on a GPU."""

    pid: int
    used_memory_bytes: int | None = None
    name: str | None = None
    kind: Literal["compute", "graphics", "mps"] | None = None


class NvmlGpu(Fact, frozen=True, kw_only=True):
    """One GPU as NVML sees it. A reading that this GPU does not have, or that failed, is None."""

    default_source: ClassVar[str] = "NVML"

    index: int
    error: int | None = None
    """The NVML code that asking for this GPU's handle gave; None or 0: it answered."""
    uuid: str | None = None
    name: str | None = None
    pci_bus_id: str | None = None
    """``00000000:01:00.0`` as NVML writes it."""
    pci_device_id: int | None = None
    compute_capability: str | None = None
    """``8.9``."""
    memory_total_bytes: int | None = None
    memory_used_bytes: int | None = None
    memory_free_bytes: int | None = None
    utilization_percent: int | None = None
    compute_mode: int | None = None
    """0 default, 2 prohibited, 3 exclusive process."""
    mig_mode: int | None = None
    """0 off, 1 on."""
    mig_mode_pending: int | None = None
    mig_uuids: tuple[str, ...] | None = None
    """The MIG devices (compute instances) there are."""
    persistence_mode: int | None = None
    fabric_state: int | None = None
    """0 not supported, 1 not started, 2 in progress, 3 completed."""
    fabric_status: int | None = None
    vgpu_license: str | None = None
    """``licensed``, ``unlicensed``, or another state in the card's words."""
    virtualization_mode: int | None = None
    """0 none, 1 passthrough, 2 vGPU guest, 3 host vGPU, 4 host vSGA."""
    processes: tuple[NvmlProcess, ...] | None = None
    recovery_action: int | None = None
    """NVML field 230: 0 none, 1 reset, 2 reboot, 3 drain peer-to-peer, 4 drain and reset."""
    clock_event_reasons: int | None = None
    """A mask of why clocks are below their highest: 0x1 idle, 0x4 power cap, 0x8 hardware slowdown, 0x20 software thermal,
    0x40 hardware thermal, 0x80 power brake. On an idle card it says little."""
    temperature_celsius: int | None = None
    temperature_slowdown_celsius: int | None = None
    """Where the hardware begins to slow the card down."""
    power_limit_watts: float | None = None
    power_limit_default_watts: float | None = None
    sm_clock_mhz: int | None = None
    sm_clock_max_mhz: int | None = None
    application_clock_mhz: int | None = None
    application_clock_default_mhz: int | None = None
    pcie_generation: int | None = None
    """Now: an idle card lowers it."""
    pcie_generation_max: int | None = None
    pcie_width: int | None = None
    pcie_width_max: int | None = None
    """What card and slot can do together."""
    ecc_enabled: bool | None = None
    ecc_uncorrected_volatile: int | None = None
    """Since the driver was loaded."""
    ecc_uncorrected_aggregate: int | None = None
    """In the card's life."""
    remapped_uncorrectable: int | None = None
    """Rows of memory that were replaced for uncorrectable errors."""
    remap_pending: bool | None = None
    """A replacement waits for a reset."""
    remap_failed: bool | None = None
    retired_pending: bool | None = None
    """Pages (before Ampere) that wait for a reset to be retired."""
    retired_pages: int | None = None
    nvlinks: tuple[bool, ...] | None = None
    """Of each NVLink whether it is active; empty: the card has none."""
    inforom_valid: bool | None = None


class Nvml(Fact, frozen=True, kw_only=True):
    """What NVML says: asked through pynvml in a child."""

    default_source: ClassVar[str] = "NVML"

    library: str | None = None
    """The path of the library that was loaded; empty: the loader found none."""
    load_error: str | None = None
    init_code: int | None = None
    """What ``nvmlInit`` returned; 0: it worked."""
    init_error: str | None = None
    driver_version: str | None = None
    library_version: str | None = None
    cuda_driver_version: int | None = None
    """``13020`` for CUDA 13.2."""
    device_count: int | None = None
    gpus: tuple[NvmlGpu, ...] = ()


class CudaDevice(Fact, frozen=True, kw_only=True):
    """One device as the CUDA driver API sees it, after CUDA_VISIBLE_DEVICES."""

    ordinal: int
    error: int | None = None
    name: str | None = None
    compute_capability: str | None = None
    uuid: str | None = None
    pci_bus_id: str | None = None
    total_memory_bytes: int | None = None
    sm_count: int | None = None
    compute_mode: int | None = None


class CudaDriver(Fact, frozen=True, kw_only=True):
    """What the CUDA driver API says: asked through ctypes in a child that runs the examined interpreter."""

    default_source: ClassVar[str] = "cuInit"

    library: str | None = None
    """The libcuda that was mapped; empty: the loader found none."""
    load_error: str | None = None
    init_code: int | None = None
    """What ``cuInit(0)`` returned; 0: it worked."""
    init_name: str | None = None
    """``CUDA_ERROR_NO_DEVICE``."""
    driver_version: int | None = None
    """``cuDriverGetVersion``: ``13020`` for CUDA 13.2; asked even where cuInit failed."""
    device_count: int | None = None
    devices: tuple[CudaDevice, ...] = ()
    unmasked_init_code: int | None = None
    """What cuInit returns in a child without CUDA_VISIBLE_DEVICES; asked only where that variable is set."""
    unmasked_device_count: int | None = None


class NvidiaSmi(Fact, frozen=True, kw_only=True):
    """What nvidia-smi printed. Read from reports; a live machine is asked through NVML instead."""

    exit_code: int | None = None
    driver_version: str | None = None
    cuda_version: str | None = None
    error: str | None = None
