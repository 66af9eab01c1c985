"""gpu.memory-full"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.measured import held_by_others, on_gpu, place
from envdoctor.facts import DeviceWork, Nvml, NvmlGpu, Work

MIB = 1 << 20
SMALLEST_FREE = 512 * MIB
"""A CUDA context and a small model do not fit into less."""
SMALLEST_SHARE = 0.05
"""Of a card's memory: what is left then is no room for another program."""


@check(
    "gpu.memory-full",
    fields=("work.devices|nvml.gpus",),
    explains=("compute.kernel-failed", "compute.slow", "gpu.busy"),
)
def memory_full(work: Work | None, nvml: Nvml | None) -> Iterator[Finding]:
    """Other processes hold the GPU's memory.

    What it means:
    Kernels of a size that fits an empty card ran out of memory, or less is free than a CUDA context needs. Processes that were killed badly,
    other containers and other users hold memory that `nvidia-smi` shows as used.

    How to confirm it by hand:
    `nvidia-smi` shows memory and processes; memory that is used by no process that is shown belongs to another container or to a dead one.

    Ways out:
    End the processes that hold it (`sudo fuser -v /dev/nvidia*` finds those that nvidia-smi does not show), or take another GPU.

    Often mistaken for:
    A model that is too large: here nearly nothing was asked for.
    """
    tried = {d.gpu for d in on_gpu(work) if d.memory_free is not None} if work is not None else set()
    for device in on_gpu(work) if work is not None else ():
        failed = [kernel for kernel in device.kernels if kernel.status == "out-of-memory" and held_by_others(device)]
        if failed or (device.memory_free is not None and device.memory_free < SMALLEST_FREE):
            yield _by_work(device, [kernel.name for kernel in failed], nvml)
    for gpu in nvml.gpus if nvml is not None else ():
        if gpu.index not in tried and _is_full(gpu):
            yield _finding(f"GPU {gpu.index}", gpu.memory_free_bytes, gpu.memory_total_bytes, "", gpu, gpu.index)


def _is_full(gpu: NvmlGpu) -> bool:
    free, total = gpu.memory_free_bytes, gpu.memory_total_bytes
    return free is not None and (free < SMALLEST_FREE or (total is not None and free < SMALLEST_SHARE * total))


def _by_work(device: DeviceWork, failed: list[str], nvml: Nvml | None) -> Finding:
    gpu = next((gpu for gpu in (nvml.gpus if nvml else ()) if gpu.index == device.gpu), None)
    ran_out = f"; {failed[0]} ran out of it" if failed else ""
    return _finding(place(device), device.memory_free, device.memory_total, ran_out, gpu, device.gpu)


def _finding(
    where: str, free: int | None, total: int | None, ran_out: str, gpu: NvmlGpu | None, index: int | None
) -> Finding:
    of = f" of {total // MIB}" if total else ""
    holders = [f"{p.pid} {p.name or ''}".strip() for p in (gpu.processes or () if gpu is not None else ())]
    held = f", held by {', '.join(holders[:3])}" if holders else ", and no process is seen that holds it"
    left = f"{free // MIB}{of} MiB" if free is not None else "too little memory"
    return Finding(
        title=f"{where}: {left} free{ran_out}"[:100],
        detail=f"Memory is in use{held}.",
        evidence=(
            *((gpu.says("memory_used_bytes"), gpu.says("processes", ", ".join(holders) or "none")) if gpu else ()),
        ),
        fix=(
            Fix("See who holds it, those in other containers too", "sudo fuser -v /dev/nvidia*"),
            Fix("Or take another GPU", "export CUDA_VISIBLE_DEVICES=N"),
        ),
        gpu=index,
    )
