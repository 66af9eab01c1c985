"""Judges what was measured, number by number: what was expected, and whether it is there. Pure: from the facts of the work alone."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec

from envdoctor.facts import DeviceWork, Rate, Work
from envdoctor.knowledge.rates import Expected, by_link, by_model, by_units

PEERS = 3
"""GPUs of one model, beside this one, that it takes to call it slower than the others."""
BELOW_PEERS = 0.85
"""Of the others' median: Megatron's and gpu-fryer's limit is 0.9; a few per cent more for runs as short as ours."""
TRANSFERS = ("h2d-pinned", "d2h-pinned")


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """One rate or time that was measured."""

    name: str
    gpu: int | None = None
    dtype: str | None = None
    value: float | None = None
    unit: str
    expected: float | None = None
    status: Literal["ok", "low", "not-measured"]
    reason: str | None = None


class Judged(NamedTuple):
    """A rate with what was expected of it; `expected` None: nothing to compare with, for `reason`."""

    device: DeviceWork
    rate: Rate
    expected: Expected | None
    reason: str | None

    @property
    def low(self) -> bool:
        """Whether it is below its floor."""
        return self.expected is not None and self.rate.value < self.expected.floor


def judged(work: Work) -> Iterator[Judged]:
    """Every rate of the work with its expectation."""
    for device in work.devices:
        for rate in device.rates:
            expected = expectation(device, rate)
            reason = not_comparable(device) if expected is not None else None
            peers = below_peers(work, device, rate) if reason is None else None
            if peers is not None and (expected is None or rate.value >= expected.floor):
                yield Judged(device, rate, peers, None)
            else:
                yield Judged(device, rate, None if reason else expected, reason)


def not_comparable(device: DeviceWork) -> str | None:
    """Why this device's rates say nothing about the card; None: they do."""
    if device.mig:
        return "not comparable: a MIG slice"
    if device.tenants:
        return f"not comparable: {len(device.tenants)} other process{'es' * (len(device.tenants) > 1)} on the GPU"
    return None


def expectation(device: DeviceWork, rate: Rate) -> Expected | None:
    """What a healthy device of this kind reaches; None: nobody knows, or nothing depends on it."""
    if not device.device.startswith("cuda"):
        return None
    load = device.load
    if rate.name in TRANSFERS:
        return by_link(load.link_generation, load.link_width) if load is not None else None
    if rate.name not in ("copy", "matmul"):
        return None
    memory = device.memory_total / 2**30 if device.memory_total else None
    known = by_model(device.name, rate.name, rate.dtype, memory) if device.name else None
    return known or by_units(
        rate.name,
        rate.dtype,
        compute_capability=device.compute_capability,
        multiprocessors=device.multiprocessors,
        sm_mhz=load.sm_mhz_max if load is not None else None,
        bus_width=load.bus_width if load is not None else None,
        memory_mhz=load.memory_mhz_max if load is not None else None,
    )


def below_peers(work: Work, device: DeviceWork, rate: Rate) -> Expected | None:
    """The other GPUs' median as an expectation, where this one is clearly below it; None: it is not, or there are too few."""
    if rate.name not in ("copy", "matmul", "resnet-step"):
        return None
    others = [
        found.value
        for other in work.devices
        if other is not device and other.name == device.name and not_comparable(other) is None
        if (found := other.rate(rate.name, rate.dtype)) is not None
    ]
    if len(others) < PEERS:
        return None
    median = statistics.median(others)
    return Expected(median, median * BELOW_PEERS, "measured") if rate.value < median * BELOW_PEERS else None


def measurements(work: Work | None) -> tuple[Measurement, ...]:
    """All that was measured, and what could not be, as the report lists it."""
    if work is None:
        return ()
    found = [
        Measurement(
            name=rate.name,
            gpu=device.gpu if device.gpu is not None else _ordinal(device),
            dtype=rate.dtype,
            value=round(rate.value, 4),
            unit=rate.unit,
            expected=round(expected.value, 1) if expected is not None else None,
            status="low" if item.low else "ok",
            reason=reason or (f"expected by {expected.basis}" if expected and expected.basis != "measured" else None),
        )
        for item in judged(work)
        for device, rate, expected, reason in (item,)
    ]
    missing = [
        Measurement(
            name=kernel.name,
            gpu=device.gpu if device.gpu is not None else _ordinal(device),
            unit="",
            status="not-measured",
            reason=f"{kernel.status}: {kernel.reason}" if kernel.reason else kernel.status,
        )
        for device in work.devices
        for kernel in device.kernels
        if kernel.status != "ok"
    ]
    return (*found, *missing)


def _ordinal(device: DeviceWork) -> int | None:
    kind, _, number = device.device.partition(":")
    return int(number) if kind == "cuda" and number.isdigit() else None


def place(device: DeviceWork) -> str:
    """``GPU 3``, ``cuda:1`` where NVML does not tell which that is, or ``the processor``."""
    if device.gpu is not None:
        return f"GPU {device.gpu}"
    return "the processor" if device.device == "cpu" else device.device


def what(rate: Rate) -> str:
    """``bf16 matmul``."""
    return f"{rate.dtype} {rate.name}" if rate.dtype and rate.name == "matmul" else rate.name


def number(value: float) -> str:
    """Three digits that matter: ``785``, ``4.62``, ``0.0312``."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def on_gpu(work: Work) -> tuple[DeviceWork, ...]:
    """The work on GPUs: what a processor shows of stalls and rates is its own affair."""
    return tuple(device for device in work.devices if device.device.startswith("cuda"))


def held_by_others(device: DeviceWork) -> bool:
    """Whether half of a GPU's memory or more was taken before our work began: kernels ask for an eighth of what is free."""
    return device.memory_free is None or device.memory_total is None or device.memory_free * 2 < device.memory_total
