"""The GPUs as NVML sees them: what they are, who uses them, and how they are."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from envdoctor.facts.base import Fact


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
    """The NVML code that asking for this GPU's handle gave, or that later calls gave in its place (lost, needs a reset); None or 0: it answered."""
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
    performance_state: int | None = None
    """0 the fastest, 8 idle, 15 the slowest."""
    vbios_version: str | None = None
    gsp_firmware_version: str | None = None
    """Of the GPU System Processor; a card without one has none."""
    gsp_enabled: bool | None = None
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
    """The NVML code of the registration with the fabric; 0: it worked."""
    fabric_health: int | None = None
    """A mask, two to four bits a matter; `envdoctor_checks.gpu.fabric_unhealthy` reads it."""
    vgpu_license: str | None = None
    """``licensed``, ``unlicensed``, or another state in the card's words."""
    virtualization_mode: int | None = None
    """0 none, 1 passthrough, 2 vGPU guest, 3 host vGPU, 4 host vSGA."""
    processes: tuple[NvmlProcess, ...] | None = None
    recovery_action: int | None = None
    """NVML field 230: 0 none, 1 reset, 2 reboot, 3 drain peer-to-peer, 4 drain and reset, 5 IMEX domain, 6 bus reset, 7 system reboot."""
    clock_event_reasons: int | None = None
    """A mask of why clocks are below their highest: 0x1 idle, 0x4 power cap, 0x8 hardware slowdown, 0x20 software thermal,
    0x40 hardware thermal, 0x80 power brake. On an idle card it says little."""
    temperature_celsius: int | None = None
    temperature_slowdown_celsius: int | None = None
    """Where the hardware begins to slow the card down."""
    temperature_shutdown_celsius: int | None = None
    temperature_margin_celsius: int | None = None
    """To the nearest limit, on cards that tell no limits in degrees (T.Limit); below zero: beyond it."""
    temperature_margin_slowdown_celsius: int | None = None
    """The margin at which the hardware slows the card down: -2, say."""
    memory_temperature_celsius: int | None = None
    memory_temperature_max_celsius: int | None = None
    thermal_violation_seconds: float | None = None
    """How long heat held the clocks down, since the driver was loaded."""
    power_draw_watts: float | None = None
    power_limit_enforced_watts: float | None = None
    """What holds of all limits (the board, the slot, the one that was set)."""
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
    pcie_replays: int | None = None
    """Packets that had to be sent again since the driver was loaded."""
    ecc_enabled: bool | None = None
    ecc_default: bool | None = None
    """Whether cards of this model come with ECC on."""
    ecc_pending: bool | None = None
    """What it will be after the next reset."""
    ecc_corrected_volatile: int | None = None
    """Since the driver was loaded."""
    ecc_uncorrected_volatile: int | None = None
    """Since the driver was loaded."""
    ecc_uncorrected_aggregate: int | None = None
    """In the card's life."""
    sram_uncorrected_aggregate: int | None = None
    """Of them in SRAM, which no row remap mends."""
    sram_threshold_exceeded: bool | None = None
    """The card's own word that its SRAM has had too many errors."""
    remapped_correctable: int | None = None
    remapped_uncorrectable: int | None = None
    """Rows of memory that were replaced for uncorrectable errors."""
    remap_pending: bool | None = None
    """A replacement waits for a reset."""
    remap_failed: bool | None = None
    remap_banks: tuple[int, ...] | None = None
    """Banks of memory by the spare rows that they have left: all, many, some, few, none."""
    retired_pending: bool | None = None
    """Pages (before Ampere) that wait for a reset to be retired."""
    retired_pages: int | None = None
    nvlinks: tuple[bool, ...] | None = None
    """Of each NVLink whether it is active; empty: the card has none."""
    nvlink_mbps: int | None = None
    """MB/s of one link, as the driver says it."""
    nvlink_errors: dict[str, int] | None = None
    """Counters since the driver was loaded, over all links: ``crc`` and ``replay`` (sent again: harmless), ``recovery``
    (a link had to be trained anew), ``recovery-failed``."""
    nvlink_recovered: tuple[int, ...] | None = None
    """The links that have recovery errors."""
    inforom_valid: bool | None = None

    def source(self, field: str) -> str:
        """Where the value of `field` was read: a bare number says little without its name."""
        return self.sources.get(field) or f"NVML {field}"


class GpuPair(Fact, frozen=True, kw_only=True):
    """Two GPUs, and what lies between them."""

    default_source: ClassVar[str] = "NVML"

    first: int
    second: int
    """NVML's indices."""
    level: int | None = None
    """0 one board, 10 one PCIe switch, 20 several switches, 30 the host bridge, 40 one NUMA node, 50 across NUMA nodes."""
    p2p_read: int | None = None
    """0: peer-to-peer works; 1 not on this chipset, 2 not on this GPU, 3 not on this topology, 4 disabled, 5 not supported."""


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
    pairs: tuple[GpuPair, ...] | None = None
    """How each two GPUs reach each other."""

    def gpu(self, index: int | None) -> NvmlGpu | None:
        """The GPU of that index; None: NVML has none, or was asked for none."""
        return next((gpu for gpu in self.gpus if gpu.index == index), None)

    def gpu_at(self, address: str | None) -> NvmlGpu | None:
        """The GPU at a PCI address, written with or without a function, with four or eight digits of domain."""
        place = pci_place(address)
        return next((gpu for gpu in self.gpus if place is not None and pci_place(gpu.pci_bus_id) == place), None)


def pci_place(address: str | None) -> str | None:
    """``0000:b1:00`` for ``00000000:B1:00.0``; None for what is no address."""
    match = re.fullmatch(r"(?:([0-9a-f]{1,8}):)?([0-9a-f]{2}):([0-9a-f]{2})(?:\.[0-7])?", (address or "").lower())
    return f"{int(match[1] or '0', 16):04x}:{match[2]}:{match[3]}" if match else None
