"""compute.slow"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.measured import Judged, judged, place, what
from envdoctor.facts import Work

BASIS = {
    "measured": "healthy ones reach",
    "data sheet": "its data sheet allows",
    "its own units and clocks": "its units and clocks allow",
    "its PCIe link": "its PCIe link gives",
}


@check("compute.slow")
def slow(work: Work) -> Iterator[Finding]:
    """A GPU is far slower than its model, and nothing more specific says why.

    What it means:
    Products, copies or transfers were measured on fresh random data and stayed below the floor for this model and data type; for a model that
    the tables do not know, below what its own units and clocks allow; or below the other GPUs of the same model in this machine.

    How to confirm it by hand:
    `nvidia-smi -q -d CLOCK,PERFORMANCE,POWER` while the GPU works; `nvidia-smi` for other processes on it.

    Ways out:
    Look at cooling, power limit and clocks; at what else runs on the card; at the slot. A card that is slow on its own, cool and alone, has
    a fault.

    Often mistaken for:
    A slow program: here the same few kernels ran that every healthy card of this model runs at full speed. MIG slices and shared GPUs are
    not judged.
    """
    for device in work.devices:
        low = [item for item in judged(work) if item.device is device and item.low]
        if low:
            yield _finding(low)


def _finding(low: list[Judged]) -> Finding:
    low = sorted(low, key=lambda item: item.rate.value / item.expected.value if item.expected else 1.0)
    device, rate, expected, _ = low[0]
    assert expected is not None
    more = f"; and {len(low) - 1} more" if len(low) > 1 else ""
    basis = BASIS[expected.basis]
    return Finding(
        title=f"{place(device)}: {what(rate)} {rate.value:.4g} {rate.unit}; {basis} {expected.value:.4g}{more}",
        severity="warning",
        detail=f"{device.name or 'This GPU'} is slow below {expected.floor:.4g} {rate.unit} here.",
        evidence=tuple(
            item.rate.says("value", f"{what(item.rate)}: {item.rate.value:.4g} {item.rate.unit}") for item in low[:5]
        ),
        fix=(
            Fix("See clocks, power and what holds them down, under load", "nvidia-smi -q -d CLOCK,PERFORMANCE,POWER"),
        ),
        gpu=device.gpu,
        confidence="likely" if expected.basis == "measured" else "possible",
    )
