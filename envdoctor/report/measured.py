"""What was measured, as lines: one to a device, every figure with -v; and what so short a run cannot see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from envdoctor.diagnose.measured import Judged, judged, number, place, what
from envdoctor.facts import INTERRUPTED, DeviceWork, Work
from envdoctor.report.text import one_line

TOLD = ("copy", "matmul", "h2d-pinned", "d2h-pinned", "resnet-step")
"""Measurements that are told without -v."""


def summary(work: Work) -> Iterator[str]:
    """One line to a device: what matters of it, and what is missing."""
    rates = list(judged(work))
    for device in work.devices:
        own = [item for item in rates if item.device is device and item.rate.name in TOLD]
        figures = ", ".join(_figure(item) for item in own) or _nothing(device)
        name = f" ({device.name})" if device.name else ""
        yield f"{place(device)}{name}: {figures}{_missing(device)}"


def _nothing(device: DeviceWork) -> str:
    """Why there is no figure: what became of the start, or of the first kernel."""
    tried = [kernel for kernel in device.kernels if kernel.status != "ok"]
    first = next((kernel for kernel in tried if kernel.name == "start"), tried[0] if tried else None)
    reason = one_line(first.reason or first.status, 120) if first is not None else ""
    return f"nothing was measured ({reason})" if reason else "nothing was measured"


def _figure(item: Judged) -> str:
    text = f"{what(item.rate)} {number(item.rate.value)} {item.rate.unit}"
    if item.expected is None or not compared(item):
        return text + (" (low)" if item.low else "")
    return f"{text} ({item.rate.value / item.expected.value:.0%}{', low' if item.low else ''})"


def compared(item: Judged) -> bool:
    """Whether a share of what healthy GPUs of the model reach can be told: data sheets promise what none reaches."""
    return item.expected is not None and item.expected.basis == "measured"


def _missing(device: DeviceWork) -> str:
    """Kernels that did not end well. One that this device has no units for is no loss."""
    lost = [f"{kernel.name} {kernel.status}" for kernel in device.kernels if kernel.status not in ("ok", "skipped")]
    skipped = [kernel.reason or "" for kernel in device.kernels if kernel.status == "skipped"]
    for why, words in (("time", "left out for time"), (INTERRUPTED, INTERRUPTED)):
        count = sum(why in reason for reason in skipped)
        lost += [f"{count} kernel{'s' * (count > 1)} {words}"] if count else []
    return "".join(f"; {text}" for text in lost)


def table(work: Work) -> tuple[Sequence[str], ...]:
    """Every figure: device, what, value, expected, numbers right, remark."""
    rows: list[Sequence[str]] = []
    for item in judged(work):
        device, rate, expected, reason = item
        rows.append(
            (
                place(device),
                f"{rate.dtype} {rate.name}" if rate.dtype else rate.name,
                f"{number(rate.value)} {rate.unit}",
                number(expected.value) if expected is not None else "",
                {True: "right", False: "WRONG", None: ""}[rate.right],
                "low" if item.low else reason or rate.backend or "",
            )
        )
    for device in work.devices:
        rows += [
            (place(device), kernel.name, kernel.status, "", "", kernel.reason or "")
            for kernel in device.kernels
            if kernel.status != "ok"
        ]
        rows += _step(device)
    return tuple(rows)


def _step(device: DeviceWork) -> Iterator[Sequence[str]]:
    step = device.step
    if step is None:
        return
    times = f"p50 {step.p50 * 1e3:.0f} ms, p99 {step.p99 * 1e3:.0f} ms"
    host = f"issued in {step.issue * 1e3:.0f} ms"
    profile = device.rate("profile")
    if profile is not None and profile.busy is not None:
        host += f", GPU busy {profile.busy:.0%}"
    loss = " → ".join("not finite" if loss is None else f"{loss:.2f}" for loss in step.losses)
    yield (
        place(device),
        "ResNet-50 step",
        times,
        "",
        "",
        f"{host}; batch {step.batch}, {step.steps} steps, loss {loss}",
    )
