"""gpu.busy"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.measured import on_gpu, place
from envdoctor.facts import DeviceWork, Nvml, NvmlGpu, NvmlProcess, Reading, TorchRuntime, Work

BUSY_PERCENT = 20.0
"""Utilisation before our own work began: a desktop stays below, a job does not."""


FIX = (Fix("See who it is", "nvidia-smi"), Fix("Or take another GPU", "export CUDA_VISIBLE_DEVICES=N"))


@check(
    "gpu.busy",
    fields=("work.devices|nvml.gpus",),
    explains=("compute.slow", "compute.step-jitter", "compute.launch-stall"),
)
def busy(
    work: Work | None, nvml: Nvml | None, torch_runtime: TorchRuntime | None, reading: Reading | None
) -> Iterator[Finding]:
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
    for device in on_gpu(work) if work is not None else ():
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
            fix=FIX,
            gpu=device.gpu,
        )
    if reading is not None:
        return  # the program that a report shows at work is mostly its author's own
    worked = {device.gpu for device in on_gpu(work)} if work is not None else set()
    for gpu in nvml.gpus if nvml is not None else ():
        if gpu.index not in worked:
            yield from _by_nvml(gpu, alone=torch_runtime is None)


def _by_nvml(gpu: NvmlGpu, *, alone: bool) -> Iterator[Finding]:
    """One look without work of ours. `alone`: no torch of ours ran beside it, so whatever is busy there is others' doing."""
    names = [_name(process) for process in gpu.processes or () if process.kind in ("compute", "mps")]
    percent = gpu.utilization_percent or 0
    unseen = alone and not gpu.processes  # what draws a desktop is listed, and is no job
    at_work = percent >= BUSY_PERCENT and (unseen or bool(names))
    if not names and not at_work:
        return
    who = (
        f"{len(names)} other process{'es' * (len(names) > 1)} ({', '.join(names[:3])})"
        if names
        else "no process to be seen"
    )
    yield Finding(
        title=f"GPU {gpu.index} is {f'{percent} % busy' if at_work else 'in use'}: {who}"[:100],
        severity="warning" if at_work else "info",
        detail="Processes on one GPU take turns: each is slower than alone.",
        evidence=(gpu.says("processes", ", ".join(names) or "none to be seen"), gpu.says("utilization_percent")),
        fix=FIX,
        gpu=gpu.index,
        confidence="likely",
    )


def _name(process: NvmlProcess) -> str:
    return f"{process.pid} {(process.name or '').rpartition('/')[2]}".strip()


def _title(device: DeviceWork, before: float | None) -> str:
    count = len(device.tenants)
    who = (
        f"{count} other process{'es' * (count > 1)} ({', '.join(device.tenants[:3])})"
        if count
        else "no process to be seen"
    )
    use = f"{before:.0f} % busy" if before is not None else "in use"
    return f"{place(device)} was {use} before the work began: {who}"
