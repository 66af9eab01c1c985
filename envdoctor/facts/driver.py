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
    """Seconds since boot; since the epoch where the log is dated (dmesg -T)."""
    text: str = ""


class SxidEvent(Fact, frozen=True, kw_only=True):
    """One SXid line of the kernel log: an NVSwitch's error."""

    code: int
    fatal: bool
    switch: str
    """``nvidia-nvswitch3``."""
    time: float | None = None
    """As an Xid's."""
    text: str = ""


class AerEvent(Fact, frozen=True, kw_only=True):
    """One error of the PCIe bus that the kernel logged (Advanced Error Reporting)."""

    severity: Literal["corrected", "nonfatal", "fatal"]
    pci: str
    """The device that reports it: ``0000:01:00.0``."""
    time: float | None = None
    """Seconds since boot."""
    text: str = ""


class KernelLog(Fact, frozen=True, kw_only=True):
    """This boot's kernel log, the lines that bear on the GPU only."""

    default_source: ClassVar[str] = "kernel log"

    lines: tuple[str, ...] = ()
    """NVRM, nvidia*, nouveau, Xid, SXid, Secure Boot and module-signature lines, newest 400."""
    xids: tuple[XidEvent, ...] = ()
    sxids: tuple[SxidEvent, ...] = ()
    aer: tuple[AerEvent, ...] = ()
    until: float | None = None
    """Seconds since boot of the newest line, whatever it is about: what an Xid is old against."""

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

    default_source: ClassVar[str] = "CUDA driver"

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

    def source(self, field: str) -> str:
        """The call that gave the value of `field`."""
        return self.sources.get(field) or CUDA_CALLS.get(field, self.default_source)


CUDA_CALLS = {"init_code": "cuInit", "driver_version": "cuDriverGetVersion", "device_count": "cuDeviceGetCount"}


class NvidiaSmi(Fact, frozen=True, kw_only=True):
    """What nvidia-smi printed. Read from reports; a live machine is asked through NVML instead."""

    exit_code: int | None = None
    driver_version: str | None = None
    cuda_version: str | None = None
    error: str | None = None
