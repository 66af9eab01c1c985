"""gpu.busy"""

from __future__ import annotations

from collections.abc import Iterator, Set

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.measured import on_gpu, place
from envdoctor.diagnose.remedy import another_gpu
from envdoctor.facts import DeviceWork, Nvml, NvmlGpu, NvmlProcess, Process, Reading, TorchRuntime, Work

BUSY_PERCENT = 20.0
"""Utilisation before our own work began: a desktop stays below, a job does not."""


SEE = Fix("See who it is", "nvidia-smi")


@check(
    "gpu.busy",
    fields=("work.devices|nvml.gpus",),
    explains=("compute.slow", "compute.step-jitter", "compute.launch-stall"),
)
def busy(
    work: Work | None,
    nvml: Nvml | None,
    torch_runtime: TorchRuntime | None,
    reading: Reading | None,
    process: Process | None,
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
            title=_title(device, before),
            severity="warning" if at_work else "info",
            detail="What was measured on it says nothing about the card.",
            evidence=(
                device.says("tenants", ", ".join(device.tenants) or "none to be seen"),
                *((device.load.says("utilization_before"),) if device.load is not None else ()),
            ),
            fix=(SEE, *another_gpu(nvml, device.gpu)),
            gpu=device.gpu,
        )
    if reading is not None:
        return  # the program that a report shows at work is mostly its author's own
    own = {process.pid, *(child.pid for child in process.children)} if process is not None else set()
    worked = {device.gpu for device in on_gpu(work)} if work is not None else set()
    for gpu in nvml.gpus if nvml is not None else ():
        if gpu.index not in worked:
            unseen = torch_runtime is None and process is None and not gpu.processes
            yield from _by_nvml(gpu, own, another_gpu(nvml, gpu.index), unseen=unseen)


def _by_nvml(gpu: NvmlGpu, own: Set[int], elsewhere: tuple[Fix, ...], *, unseen: bool) -> Iterator[Finding]:
    """One look without work of ours, at processes other than the examined one and its `own`. `unseen`: neither ran beside it, and none is
    listed (what draws a desktop would be, and is no job), so whatever is busy there is others' doing."""
    jobs = [process for process in gpu.processes or () if process.kind in ("compute", "mps")]
    names = [_name(process) for process in jobs if process.pid not in own]
    percent = gpu.utilization_percent or 0
    at_work = percent >= BUSY_PERCENT and (unseen or bool(names))
    if not names and not at_work:
        return
    who = (
        f"{len(names)} other process{'es' * (len(names) > 1)} ({', '.join(names[:3])})"
        if names
        else "no process to be seen"
    )
    yield Finding(
        title=f"GPU {gpu.index} is {f'{percent} % busy' if at_work else 'in use'}: {who}",
        severity="warning" if at_work else "info",
        detail="Processes on one GPU take turns: each is slower than alone.",
        evidence=(gpu.says("processes", ", ".join(names) or "none to be seen"), gpu.says("utilization_percent")),
        fix=(SEE, *elsewhere),
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
