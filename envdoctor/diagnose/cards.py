"""What several checks of a card's health ask: which one it is, whether it sits in a laptop, what is history, what mends it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from envdoctor.diagnose.api import Fix
from envdoctor.facts import KernelLog, NvmlGpu, SxidEvent, System, XidEvent

PORTABLE = (8, 9, 10, 11, 14, 30, 31, 32)
"""SMBIOS chassis types: portable, laptop, notebook, hand held, sub-notebook, tablet, convertible, detachable (DSP0134, table 17)."""
PORTABLE_NAME = re.compile(r"Laptop|Max-Q|Mobile|\bMX\d{3}|\b\d{3,4}M\b")
"""In the driver's names of cards for laptops."""


OLD = 24 * 3600.0
"""Seconds after which an error in the log is history: a node must not stay condemned by it."""
PROHIBITED = 2
"""The compute mode in which a card takes no work."""


def in_a_laptop(gpu: NvmlGpu, system: System | None) -> bool:
    """Whether firmware and fan rule over the card: its limits move with the battery, the profile and the lid."""
    chassis = system.chassis if system is not None else None
    return chassis in PORTABLE or PORTABLE_NAME.search(gpu.name or "") is not None


def card(gpu: NvmlGpu | None, address: str | None) -> str:
    """Which card, for sentences: by NVML's index, else by its place on the bus."""
    if gpu is not None:
        return f"GPU {gpu.index}"
    return f"GPU at {address}" if address else "A GPU"


def age(event: XidEvent | SxidEvent, log: KernelLog) -> float:
    """Seconds between an event and the newest line of the log; one without a time is taken for new."""
    if event.time is None:
        return 0.0
    times = (*(xid.time for xid in log.xids), *(sxid.time for sxid in log.sxids), event.time)
    return (log.until if log.until is not None else max(time or 0.0 for time in times)) - event.time


def is_history(event: XidEvent | SxidEvent, log: KernelLog) -> bool:
    """Whether it is so old that it says nothing of the card today."""
    return age(event, log) > OLD


def reset(gpu: int | None) -> Fix:
    """Reset one card."""
    which = f" -i {gpu}" if gpu is not None else ""
    return Fix(
        "Reset the GPU with no process on it (all GPUs together where one alone is refused), or restart the machine",
        f"sudo nvidia-smi -r{which}",
    )


def replace() -> Fix:
    """What a vendor wants to have before a card is replaced."""
    return Fix(
        "Take the GPU out of service, write NVIDIA's report and have the card replaced", "sudo nvidia-bug-report.sh"
    )


def cpus(text: str) -> frozenset[int]:
    """The processors of ``0-3,8``. Raises ValueError for what is no such list."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def usual(values: Iterable[object]) -> object | None:
    """What more than half of at least three have in common; None: nothing, or too few to tell."""
    known = list(values)
    most = max(set(known), key=known.count, default=None)
    return most if len(known) >= 3 and known.count(most) * 2 > len(known) else None
