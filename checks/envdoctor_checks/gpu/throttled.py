"""gpu.throttled"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.cards import in_a_laptop
from envdoctor.diagnose.measured import on_gpu, place
from envdoctor.facts import Load, Nvml, NvmlGpu, System, Work

REASONS = {
    0x40: "hardware thermal slowdown",
    0x80: "power brake (the supply says stop)",
    0x08: "hardware slowdown",
    0x20: "software thermal slowdown",
}
"""Clock event reasons that are no one's choice. Idle (0x1), application clocks (0x2), the power cap (0x4) and the like are benign."""


IDLE = 0x1
LONG = 60.0
"""Seconds of thermal slowdown since the driver was loaded that are worth a note."""


@check(
    "gpu.throttled",
    fields=("work.devices|nvml.gpus",),
    explains=("compute.slow", "compute.step-jitter", "gpu.too-hot"),
)
def throttled(work: Work | None, nvml: Nvml | None, system: System | None) -> Iterator[Finding]:
    """The GPU holds its clocks down under load: it is too hot, or short of power.

    What it means:
    While kernels ran, NVML named a reason for lower clocks that no one chose: temperature, or a power brake that the supply or the board pulled.
    The same bits on an idle card mean nothing, and a power cap at full load is how a card is meant to work.

    How to confirm it by hand:
    `nvidia-smi -q -d PERFORMANCE,TEMPERATURE,POWER` while the GPU works.

    Ways out:
    Thermal: airflow, fans, dust, paste, room temperature. Power brake: the machine's power supplies and their cables, the chassis's power limit.

    Often mistaken for:
    A slow model of card, or a slow program.
    """
    judged = {device.gpu for device in on_gpu(work) if device.load is not None} if work is not None else set()
    for gpu in nvml.gpus if nvml is not None else ():
        if gpu.index not in judged:
            yield from _by_nvml(gpu, system)
    for device in on_gpu(work) if work is not None else ():
        load = device.load
        bits = [bit for bit in REASONS if load is not None and load.reasons is not None and load.reasons & bit]
        if load is None or not bits:
            continue
        yield Finding(
            title=f"{place(device)} under load: {REASONS[bits[0]]}{_state(load)}",
            severity="warning",
            detail="It works, below the speed that it was bought for.",
            evidence=(
                load.says("reasons", f"{load.reasons:#x}"),
                *((load.says("celsius"),) if load.celsius is not None else ()),
                *((load.says("power_w"),) if load.power_w is not None else ()),
            ),
            fix=(_fix(bits[0], device.gpu),),
            gpu=device.gpu,
        )


def _by_nvml(gpu: NvmlGpu, system: System | None) -> Iterator[Finding]:
    """One look, with no work of ours: only what holds a card down whether it works or not, heat and the power brake."""
    reasons = gpu.clock_event_reasons or 0
    # 0x8 alone is also seen for a moment when clocks change (NVML's own note), and one look cannot tell.
    bits = [bit for bit in (0x40, 0x80) if reasons & bit]
    if not bits or reasons & IDLE:
        if not in_a_laptop(gpu, system):  # there it is how the fan works
            yield from _by_counter(gpu)
        return
    hot = f", {gpu.temperature_celsius} °C" if gpu.temperature_celsius is not None else ""
    yield Finding(
        title=f"GPU {gpu.index}: {REASONS[bits[0]]} (clock event reasons {gpu.clock_event_reasons:#x}){hot}",
        severity="warning",
        detail="It works, below the speed that it was bought for.",
        evidence=(
            gpu.says("clock_event_reasons", f"{gpu.clock_event_reasons:#x}"),
            *(gpu.says(name) for name in _STATE if getattr(gpu, name) is not None),
        ),
        fix=(_fix(bits[0], gpu.index),),
        gpu=gpu.index,
        confidence="likely",
    )


_STATE = ("temperature_celsius", "temperature_slowdown_celsius", "power_draw_watts", "sm_clock_mhz", "sm_clock_max_mhz")


def _fix(bit: int, gpu: int | None) -> Fix:
    which = f" -i {gpu}" if gpu is not None else ""
    if bit in (0x40, 0x20):
        what = "Mend its cooling: airflow, fans, dust; then look again"
        return Fix(what, f"nvidia-smi -q -d PERFORMANCE,TEMPERATURE{which}")
    return Fix("Look at power supplies and cables", f"nvidia-smi -q -d PERFORMANCE,POWER{which}")


def _by_counter(gpu: NvmlGpu) -> Iterator[Finding]:
    """Heat that held it down before we came: a note."""
    seconds = gpu.thermal_violation_seconds or 0.0
    if seconds >= LONG:
        yield Finding(
            title=f"GPU {gpu.index}: heat held its clocks down for {seconds:.0f} s since the driver was loaded",
            severity="info",
            detail="It is cool enough now; under load it was not.",
            evidence=(gpu.says("thermal_violation_seconds"),),
            fix=(Fix("Look at it while it works", f"nvidia-smi -q -d PERFORMANCE,TEMPERATURE -i {gpu.index}"),),
            gpu=gpu.index,
        )


def _state(load: Load) -> str:
    parts = []
    if load.sm_mhz and load.sm_mhz_max:
        parts.append(f"{load.sm_mhz:.0f} of {load.sm_mhz_max:.0f} MHz")
    if load.celsius is not None:
        parts.append(f"{load.celsius:.0f} °C")
    return f", {', '.join(parts)}" if parts else ""
