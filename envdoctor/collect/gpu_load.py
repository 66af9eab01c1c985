"""What NVML's samples say of a card while it worked."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from envdoctor.facts import Load

BUSY = ("copy", "matmul:bf16", "matmul:fp16", "matmul:fp32", "matmul:tf32", "matmul:fp8", "resnet-step", "load")
"""Kernels that keep a card busy from beginning to end: what is sampled in the gaps between small ones says nothing of its clocks."""
FELT = 0.2
"""The share of the busy samples in which a clock event must be seen: a single one may be the ramp from idle."""


def load_of(lines: Sequence[dict[str, Any]], kernels: Sequence[dict[str, Any]]) -> tuple[Load | None, tuple[int, ...]]:
    """The load, and the processes that were on the card before. `lines` are the sampler's; `kernels` have ``stage``, ``begun`` and
    ``seconds`` on the same clock (CLOCK_MONOTONIC, which all processes share)."""
    constants: dict[str, Any] = next((line["constants"] for line in lines if "constants" in line), {})
    tenants = next((line["processes"] for line in lines if "processes" in line), ())
    samples = [line for line in lines if "at" in line]
    if not samples:
        return None, tuple(tenants)
    busy = _during(samples, [kernel for kernel in kernels if kernel["stage"] in BUSY])
    moved = _during(samples, [kernel for kernel in kernels if kernel["stage"] == "transfers"])
    load = Load(
        samples=len(busy),
        sm_mhz=_median(busy, "sm_mhz"),
        sm_mhz_max=constants.get("sm_mhz_max"),
        memory_mhz=_median(busy, "memory_mhz"),
        memory_mhz_max=constants.get("memory_mhz_max"),
        power_w=_most(busy, "power_w"),
        power_limit_w=constants.get("power_limit_w"),
        celsius=_most(busy, "celsius"),
        utilization=_median(busy, "utilization"),
        utilization_before=_median(_before(samples, kernels), "utilization"),
        reasons=_reasons(busy),
        link_generation=_most(moved, "link_generation"),
        link_generation_max=constants.get("link_generation_max"),
        link_width=_most(samples, "link_width"),
        link_width_max=constants.get("link_width_max"),
        memory_used_before=samples[0].get("memory_used"),
        memory_used_most=_most(samples, "memory_used"),
        bus_width=constants.get("bus_width"),
        **_grown([line["counters"] for line in lines if "counters" in line]),
    )
    return load, tuple(tenants)


def _grown(counters: Sequence[dict[str, int]]) -> dict[str, Any]:
    """By how much each counter grew between the first look and the last; nothing where there was only one."""
    if len(counters) < 2:
        return {}
    first, last = counters[0], counters[-1]
    return {key: last[key] - first[key] for key in first if key in last and last[key] >= first[key]}


def _during(samples: Sequence[dict[str, Any]], kernels: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    spans = [(kernel["begun"], kernel["begun"] + kernel["seconds"]) for kernel in kernels if "begun" in kernel]
    return [sample for sample in samples if any(begin <= sample["at"] <= end for begin, end in spans)]


def _before(samples: Sequence[dict[str, Any]], kernels: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was sampled before the device was woken; NVML's utilisation looks back by up to a second, so the last is left out."""
    began = min((kernel["begun"] for kernel in kernels if "begun" in kernel), default=0.0)
    return [sample for sample in samples if sample["at"] < began - 0.5]


def _values(samples: Sequence[dict[str, Any]], field: str) -> list[Any]:
    return [sample[field] for sample in samples if sample.get(field) is not None]


def _median(samples: Sequence[dict[str, Any]], field: str) -> float | None:
    values = _values(samples, field)
    return statistics.median(values) if values else None


def _most(samples: Sequence[dict[str, Any]], field: str) -> Any:
    return max(_values(samples, field), default=None)


def _reasons(samples: Sequence[dict[str, Any]]) -> int | None:
    masks = _values(samples, "reasons")
    if not masks:
        return None
    bits = [1 << place for place in range(64)]
    return sum(bit for bit in bits if sum(1 for mask in masks if mask & bit) >= FELT * len(masks))
