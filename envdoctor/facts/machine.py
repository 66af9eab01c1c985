"""The machine below Python: operating system, resources, PCI bus, processes."""

from __future__ import annotations

from typing import ClassVar, Literal

from envdoctor.facts.base import Fact


class System(Fact, frozen=True, kw_only=True):
    """The operating system, the kernel, and what the machine itself runs on."""

    platform: Literal["linux", "windows", "darwin"] | None = None
    machine: str | None = None
    """``x86_64``, ``aarch64`` (``platform.machine()``)."""
    distribution: str | None = None
    """The distribution's id: ``ubuntu``, ``debian``, ``rhel``, ``fedora``, ``arch`` …"""
    distribution_like: tuple[str, ...] = ()
    distribution_version: str | None = None
    """``22.04``."""
    pretty_name: str | None = None
    kernel: str | None = None
    """``uname -r``."""
    kernel_build: str | None = None
    """/proc/version, first line."""
    libc: str | None = None
    """``glibc 2.36`` or ``musl 1.2.4``."""
    hypervisor: str | None = None
    """``none`` on bare metal; else ``kvm``, ``vmware``, ``microsoft``, ``xen``, ``firecracker``, ``amazon``, ``google``, or ``unknown-vm``."""
    wsl: int | None = None
    """0: not WSL; 1 or 2: its version."""
    jetson: bool | None = None
    """An NVIDIA Tegra board: its GPU is not on the PCI bus."""
    chassis: int | None = None
    """The firmware's type of the housing (SMBIOS): 3 desktop, 9 10 14 31 32 portable, 17 23 server."""
    secure_boot: bool | None = None
    uid: int | None = None
    user: str | None = None
    boot_time: float | None = None
    """Seconds since the epoch."""


class NumaNode(Fact, frozen=True, kw_only=True):
    """One NUMA node."""

    node: int
    cpus: str = ""
    """``0-31,64-95``; empty: memory only."""
    distances: tuple[int, ...] = ()
    """To every node, in the order of their numbers; 10 is itself, up to 16 the same socket, 20 and more another one."""


class Resources(Fact, frozen=True, kw_only=True):
    """What the host side may use: processors, memory, limits."""

    logical_cpus: int | None = None
    physical_cores: int | None = None
    affinity_cpus: int | None = None
    """Processors this process may run on (``sched_getaffinity``)."""
    affinity: str | None = None
    """Which ones: ``0-31``."""
    cgroup_version: int | None = None
    """1 or 2; 0: no cgroup hierarchy is mounted."""
    cpu_quota: float | Literal["unlimited"] | None = None
    """Processors' worth of time per period."""
    periods: int | None = None
    """``nr_periods`` of the cgroup."""
    throttled_periods: int | None = None
    """``nr_throttled`` of the cgroup."""
    load_1min: float | None = None
    memory_total_bytes: int | None = None
    memory_available_bytes: int | None = None
    memory_limit_bytes: int | Literal["unlimited"] | None = None
    shm_total_bytes: int | None = None
    """Size of /dev/shm; 0: there is none."""
    shm_free_bytes: int | None = None
    open_files_limit: int | Literal["unlimited"] | None = None
    locked_memory_limit_bytes: int | Literal["unlimited"] | None = None
    numa_nodes: int | None = None
    numa: tuple[NumaNode, ...] | None = None
    rdma_devices: tuple[str, ...] | None = None
    """InfiniBand and RoCE adapters: ``mlx5_0`` …"""


class PciDevice(Fact, frozen=True, kw_only=True):
    """One display or NVIDIA device on the PCI bus."""

    default_source: ClassVar[str] = "/sys/bus/pci/devices"

    address: str
    """``0000:01:00.0``."""
    vendor: str
    """Four hex digits: ``10de`` NVIDIA, ``1002`` AMD, ``8086`` Intel."""
    device: str
    device_class: str
    """Four hex digits: ``0300`` VGA, ``0302`` 3D, ``0380`` display, ``0680`` bridge (NVSwitch)."""
    name: str | None = None
    driver: str | None = None
    """The kernel driver bound to it; empty: none is."""
    bar_unassigned: bool | None = None
    """A memory BAR that the firmware left without an address."""
    link_width: int | None = None
    link_width_max: int | None = None
    link_speed_gts: float | None = None
    """GT/s."""
    link_speed_max_gts: float | None = None
    numa_node: int | None = None
    """-1: the firmware names none."""
    local_cpus: str | None = None
    """The processors of its NUMA node: ``0-31``."""
    upstream: tuple[str, ...] | None = None
    """The bridges above it, the nearest first."""
    slot_width_max: int | None = None
    """Lanes of the nearest of them: what the board has wired."""
    aer_corrected: int | None = None
    """PCIe errors since boot that the link mended by itself."""
    aer_nonfatal: int | None = None
    aer_fatal: int | None = None
    iommu: str | None = None
    """How the IOMMU treats it: ``identity`` (passed through), ``DMA`` or ``DMA-FQ`` (translated); empty: there is none."""
    acs_redirects: tuple[str, ...] | None = None
    """The bridges above it that send peer-to-peer traffic up to the root (ACS); None: their settings may not be read."""
    revision: str | None = None
    is_virtual_function: bool | None = None

    @property
    def is_display(self) -> bool:
        """Whether it is a display controller (VGA, 3D or other)."""
        return self.device_class.startswith("03")

    @property
    def is_nvidia_gpu(self) -> bool:
        """Whether it is an NVIDIA display controller."""
        return self.vendor == "10de" and self.is_display

    @property
    def is_nvswitch(self) -> bool:
        """Whether it is an NVSwitch (class 0680, NVIDIA)."""
        return self.vendor == "10de" and self.device_class == "0680"


class PciBus(Fact, frozen=True, kw_only=True):
    """The display devices and all NVIDIA devices on the PCI bus. The fact itself is unknown where the bus cannot be read."""

    default_source: ClassVar[str] = "/sys/bus/pci/devices"

    devices: tuple[PciDevice, ...] = ()
    device_count: int | None = None
    """All devices on the bus, of whatever kind."""

    @property
    def nvidia_gpus(self) -> tuple[PciDevice, ...]:
        """The NVIDIA display devices."""
        return tuple(device for device in self.devices if device.is_nvidia_gpu)


class Jupyter(Fact, frozen=True, kw_only=True):
    """One running Jupyter server."""

    pid: int
    uid: int | None = None
    address: str | None = None
    """The address it listens on: ``0.0.0.0``, ``::``, ``127.0.0.1`` …"""
    port: int | None = None
    command: str | None = None


class StuckProcess(Fact, frozen=True, kw_only=True):
    """A process in uninterruptible sleep inside the NVIDIA driver."""

    pid: int
    name: str | None = None
    wait_channel: str | None = None


class Processes(Fact, frozen=True, kw_only=True):
    """Running programs that bear on the GPU."""

    default_source: ClassVar[str] = "/proc"

    fabric_manager: bool | None = None
    """Whether ``nv-fabricmanager`` runs."""
    persistence_daemon: bool | None = None
    jupyter: tuple[Jupyter, ...] = ()
    stuck: tuple[StuckProcess, ...] = ()


class ProbeDeath(Fact, frozen=True, kw_only=True):
    """One probe that did not come back."""

    probe: str
    """The collector: ``nvml``, ``cuda_driver``, ``torch_runtime`` …"""
    kind: Literal["timeout", "crashed"]
    detail: str
    """``cuInit (libcuda /usr/lib/libcuda.so.1) was ended by SIGSEGV``."""
    stage: str | None = None
    """What it was doing; None: it died before it began, so its death says nothing of what it was to ask."""
    signal: str | None = None
    frame: str | None = None
    seconds: float | None = None


class ProbeDeaths(Fact, frozen=True, kw_only=True):
    """Probes that hung or died, each with the last thing it did. Known after every examination of a live machine."""

    default_source: ClassVar[str] = "envdoctor's probes"

    deaths: tuple[ProbeDeath, ...] = ()

    def of(self, probe: str) -> ProbeDeath | None:
        """How `probe` died; None: it did not."""
        return next((death for death in self.deaths if death.probe == probe), None)

    def within(self, probe: str) -> ProbeDeath | None:
        """How `probe` died in a call that it made; None: it did not, or its interpreter did before any call."""
        death = self.of(probe)
        return death if death is not None and death.stage is not None else None
