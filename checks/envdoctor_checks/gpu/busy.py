"""gpu.busy"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.measured import on_gpu, place
from envdoctor.facts import DeviceWork, Work

BUSY_PERCENT = 20.0
"""Utilisation before our own work began: a desktop stays below, a job does not."""


@check("gpu.busy", explains=("compute.slow", "compute.step-jitter", "compute.launch-stall"))
def busy(work: Work) -> Iterator[Finding]:
    """Another process keeps the GPU busy.

    What it means:
    The GPU was computing before our own work began, or other processes hold compute contexts on it. Processes on one GPU take turns, so each
    is slower than alone, and what is measured says nothing about the card.

    How to confirm it by hand:
    `nvidia-smi` lists the processes; in a container it does not show those of others.

    Ways out:
    Wait for it, end it, or take another GPU with CUDA_VISIBLE_DEVICES.

    Often mistaken for:
    A slow or throttled card.
    """
    for device in on_gpu(work):
        before = device.load.utilization_before if device.load is not None else None
        at_work = before is not None and before >= BUSY_PERCENT
        if not device.tenants and not at_work:
            continue
        yield Finding(
            title=_title(device, before)[:100],
            severity="warning" if at_work else "info",
            detail="What was measured on it says nothing about the card.",
            evidence=(
                device.says("tenants", ", ".join(device.tenants) or "none to be seen"),
                *((device.load.says("utilization_before"),) if device.load is not None else ()),
            ),
            fix=(Fix("See who it is", "nvidia-smi"), Fix("Or take another GPU", "export CUDA_VISIBLE_DEVICES=N")),
            gpu=device.gpu,
        )


def _title(device: DeviceWork, before: float | None) -> str:
    count = len(device.tenants)
    who = (
        f"{count} other process{'es' * (count > 1)} ({', '.join(device.tenants[:3])})"
        if count
        else "no process to be seen"
    )
    use = f"{before:.0f} % busy" if before is not None else "in use"
    return f"{place(device)} was {use} before the work began: {who}"
