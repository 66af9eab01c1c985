"""NVIDIA GPUs: what they are called, and what they can do."""

from __future__ import annotations

import functools
import re

import msgspec

from envdoctor.knowledge.table import Row, rows


class GpuRow(Row, frozen=True, kw_only=True):
    """One GPU model. Rates are dense TFLOP/s with float32 accumulation, by dtype: ``fp32``, ``tf32``, ``fp16``, ``bf16``, ``fp8``."""

    name: str
    nvml_names: tuple[str, ...]
    """As NVML and torch.cuda.get_device_name print it."""
    architecture: str
    compute_capability: str
    memory_gib: float
    """As marketed; NVML shows a little less."""
    memory_gb_s: float
    """Memory bandwidth, 1e9 bytes a second."""
    multiprocessors: int | None = None
    boost_mhz: int | None = None
    peak: dict[str, float]
    """What the data sheet says, or what follows from units and clock."""
    measured: dict[str, float] = msgspec.field(default_factory=dict)
    """The best published torch matmul: a healthy board comes near this, not near the peak."""
    pcie: tuple[int, int] | None = None
    """Generation and lanes."""
    nvlink_gb_s: float | None = None
    """Both directions together."""
    tdp_w: float | None = None
    tensor_cores: bool


class PciName(Row, frozen=True, kw_only=True):
    """The name of one PCI device id of vendor 10de."""

    device: str
    """Four hexadecimal digits, lower case."""
    name: str


class PciRange(Row, frozen=True, kw_only=True):
    """Device ids of one compute capability: NVIDIA hands them out chip by chip, so new cards of a known chip are known too."""

    first: str
    last: str
    """Both included; four hexadecimal digits, lower case."""
    compute_capability: str


@functools.cache
def gpus() -> tuple[GpuRow, ...]:
    """Every model of the table."""
    return rows("gpus", GpuRow)


def _plain(name: str) -> str:
    """A product name without the vendor and without a MIG slice, in lower case: both come and go with driver versions."""
    return re.sub(r"^nvidia |\s+mig \S+$", "", name.strip().lower())


def _hex(device: str) -> str:
    return device.lower().removeprefix("0x")


@functools.cache
def _by_name() -> dict[str, tuple[GpuRow, ...]]:
    table: dict[str, tuple[GpuRow, ...]] = {}
    for row in gpus():
        for name in sorted({_plain(name) for name in (*row.nvml_names, row.name)}):
            table[name] = (*table.get(name, ()), row)
    return table


@functools.cache
def _pci() -> dict[str, PciName]:
    return {row.device: row for row in rows("pci_names", PciName)}


@functools.cache
def _device_by_name() -> dict[str, str]:
    return {_plain(row.name): row.device for row in _pci().values()}


@functools.cache
def pci_ranges() -> tuple[PciRange, ...]:
    """Every range, lowest first."""
    return rows("pci_ranges", PciRange)


def gpu_by_name(name: str, memory_gib: float | None = None) -> GpuRow | None:
    """The row of a product name as NVML, torch or nvidia-smi prints it; a MIG slice gives its GPU's.

    Where several models share the name (every Jetson Orin is called ``Orin``), the memory decides; without it, None.
    """
    found = _by_name().get(_plain(name), ())
    if len(found) > 1 and memory_gib is not None:
        return min(found, key=lambda row: abs(row.memory_gib - memory_gib))
    return found[0] if len(found) == 1 else None


def gpu_name_by_pci(device: str) -> str | None:
    """The product name of a PCI device id, ``2684`` → ``NVIDIA GeForce RTX 4090``."""
    row = _pci().get(_hex(device))
    return row.name if row else None


def compute_capability_by_pci(device: str) -> str | None:
    """The compute capability of a PCI device id, told by its chip: needs no driver. None: an id that is in no range."""
    wanted = _hex(device)
    return next((row.compute_capability for row in pci_ranges() if row.first <= wanted <= row.last), None)


def compute_capability(name: str) -> str | None:
    """The compute capability of a product name, ``8.9``; None: the tables do not know the model."""
    found = _by_name().get(_plain(name))
    if found:
        return found[0].compute_capability
    device = _device_by_name().get(_plain(name))
    return compute_capability_by_pci(device) if device else None
