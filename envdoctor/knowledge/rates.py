"""What a healthy GPU reaches, and below which rate something is wrong with one: by model and data type, never one global share."""

from __future__ import annotations

import functools
from typing import Literal, NamedTuple

from envdoctor.knowledge.gpus import GpuRow, gpu_by_name
from envdoctor.knowledge.table import Row, rows

Basis = Literal["measured", "data sheet", "its own units and clocks", "its PCIe link"]


class Achieved(Row, frozen=True, kw_only=True):
    """What was measured on healthy boards of one model, where the table of GPUs does not hold it."""

    gpu: str
    """A name of the table of GPUs."""
    kernel: Literal["copy", "matmul"]
    dtype: str | None = None
    value: float
    unit: str


class Floor(Row, frozen=True, kw_only=True):
    """The share of what is expected below which a rate is low, by what the expectation rests on."""

    basis: Basis
    kernel: Literal["copy", "matmul"]
    share: float


class Units(Row, frozen=True, kw_only=True):
    """Dense FLOP a multiprocessor does in a clock, by data type."""

    compute_capability: str
    flop_per_clock: dict[str, int]


class Expected(NamedTuple):
    """What a healthy GPU of this kind reaches, and the rate below which this one is slow."""

    value: float
    floor: float
    basis: Basis


@functools.cache
def _floors() -> dict[tuple[str, str], float]:
    return {(row.basis, row.kernel): row.share for row in rows("floors", Floor)}


@functools.cache
def _achieved() -> dict[tuple[str, str, str | None], float]:
    return {(row.gpu, row.kernel, row.dtype): row.value for row in rows("achieved", Achieved)}


def _expected(value: float, basis: Basis, kernel: str) -> Expected:
    return Expected(value, value * _floors()[basis, kernel], basis)


def by_model(name: str, kernel: str, dtype: str | None, memory_gib: float | None = None) -> Expected | None:
    """What a GPU of the product name `name` reaches: ``copy`` in GB/s, ``matmul`` in TFLOP/s. None: the tables do not know the model."""
    gpu = gpu_by_name(name, memory_gib)
    if gpu is None:
        return None
    measured = _measured(gpu, kernel, dtype)
    if measured is not None:
        return _expected(measured, "measured", kernel)
    peak = gpu.memory_gb_s if kernel == "copy" else gpu.peak.get(dtype or "")
    return _expected(peak, "data sheet", kernel) if peak else None


def _measured(gpu: GpuRow, kernel: str, dtype: str | None) -> float | None:
    found = _achieved().get((gpu.name, kernel, dtype if kernel == "matmul" else None))
    if found is not None or kernel == "copy":
        return found
    return gpu.measured.get(dtype or "")


def by_units(
    kernel: str,
    dtype: str | None,
    *,
    compute_capability: str | None,
    multiprocessors: int | None,
    sm_mhz: float | None,
    bus_width: int | None = None,
    memory_mhz: float | None = None,
) -> Expected | None:
    """What a GPU that the tables do not know allows by its own units and highest clocks. None: too little is known of it."""
    if kernel == "copy":
        if not bus_width or not memory_mhz:
            return None
        return _expected(bus_width / 8 * memory_mhz * 2 / 1000, "its own units and clocks", kernel)
    row = next((row for row in rows("units", Units) if row.compute_capability == compute_capability), None)
    flop = row.flop_per_clock.get(dtype or "") if row is not None else None
    if not flop or not multiprocessors or not sm_mhz:
        return None
    return _expected(multiprocessors * sm_mhz * 1e6 * flop / 1e12, "its own units and clocks", kernel)


PCIE_LANE_GB_S = {1: 0.25, 2: 0.5, 3: 0.985, 4: 1.969, 5: 3.938, 6: 7.563}
"""Payload of one lane in one direction after line coding, GB/s (PCI-SIG base specifications)."""
PCIE_REACHED = 0.85
"""Of it pinned copies reach: 12.4 of 15.8 (3.0 x16), 25.9 of 31.5 (4.0), 55.4 of 63 (5.0)."""
PCIE_FLOOR = 0.5


def by_link(generation: int | None, width: int | None) -> Expected | None:
    """What a pinned copy reaches over a PCIe link, GB/s. None: the link is unknown."""
    lane = PCIE_LANE_GB_S.get(generation or 0)
    if lane is None or not width:
        return None
    reached = lane * width * PCIE_REACHED
    return Expected(reached, reached * PCIE_FLOOR, "its PCIe link")
