"""gpu.memory-full"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from envdoctor.diagnose.api import Finding, Fix, Severity, check
from envdoctor.diagnose.left_out import left_out
from envdoctor.diagnose.measured import held_by_others, on_gpu, place
from envdoctor.diagnose.predicates import in_container
from envdoctor.diagnose.remedy import another_gpu
from envdoctor.facts import Container, CudaDriver, Environment, Nvml, NvmlGpu, Reading, Work

MIB = 1 << 20
SMALLEST_FREE = 512 * MIB
"""A CUDA context and a small model do not fit into less."""
SMALLEST_SHARE = 0.05
"""Of a card's memory: what is left then is no room for another program."""
LEAK, LEAK_SHARE = 1024 * MIB, 0.1
"""In use with nobody to be seen: more than the driver keeps for itself (some 600 MiB on the largest cards)."""


@check(
    "gpu.memory-full",
    fields=("work.devices|nvml.gpus",),
    explains=("compute.kernel-failed", "compute.slow", "gpu.busy"),
)
def memory_full(
    work: Work | None,
    nvml: Nvml | None,
    container: Container | None,
    cuda_driver: CudaDriver | None,
    environment: Environment | None,
    reading: Reading | None,
) -> Iterator[Finding]:
    """Other processes hold the GPU's memory.

    What it means:
    Kernels of a size that fits an empty card ran out of memory, or less is free than a CUDA context needs. Processes that were killed badly,
    other containers and other users hold memory that `nvidia-smi` shows as used.

    How to confirm it by hand:
    `nvidia-smi` shows memory and processes; memory that is used by no process that is shown belongs to another container or to a dead one.

    Ways out:
    End the processes that hold it (`sudo fuser -v /dev/nvidia*` finds those that nvidia-smi does not show), or take another GPU. Memory that
    nobody holds after they have all ended comes back with a reset of the GPU (`sudo nvidia-smi -r -i N`).

    Often mistaken for:
    A model that is too large: here nearly nothing was asked for.
    """
    tried = {d.gpu for d in on_gpu(work) if d.memory_free is not None} if work is not None else set()
    inside = in_container(container)
    unused = left_out(nvml, cuda_driver, environment)
    others = [gpu for gpu in (nvml.gpus if nvml is not None else ()) if gpu.index not in unused and not gpu.error]
    room_elsewhere = reading is None and any(gpu.memory_free_bytes is not None and not _is_full(gpu) for gpu in others)
    for device in on_gpu(work) if work is not None else ():
        failed = [kernel for kernel in device.kernels if kernel.status == "out-of-memory" and held_by_others(device)]
        if failed or (device.memory_free is not None and device.memory_free < SMALLEST_FREE):
            gpu = nvml.gpu(device.gpu) if nvml is not None else None
            ran_out = f"; {failed[0].name} ran out of it" if failed else ""
            room = Room(place(device), device.memory_free, device.memory_total, device.gpu)
            yield _finding(room, ran_out, gpu, inside, another_gpu(nvml, device.gpu))
    for gpu in nvml.gpus if nvml is not None else ():
        room = Room(f"GPU {gpu.index}", gpu.memory_free_bytes, gpu.memory_total_bytes, gpu.index)
        if gpu.index not in tried and _is_full(gpu):
            elsewhere = another_gpu(nvml, gpu.index)
            yield _finding(room, "", gpu, inside, elsewhere, severity="warning" if room_elsewhere else "error")
        elif not _is_full(gpu) and not inside and _is_leaked(gpu):
            yield _leak(gpu)


class Room(NamedTuple):
    """A GPU's memory in bytes, as whoever looked saw it."""

    where: str
    free: int | None
    total: int | None
    gpu: int | None


def _is_full(gpu: NvmlGpu) -> bool:
    free, total = gpu.memory_free_bytes, gpu.memory_total_bytes
    return free is not None and (free < SMALLEST_FREE or (total is not None and free < SMALLEST_SHARE * total))


def _unseen(gpu: NvmlGpu | None) -> int | None:
    """Bytes in use that no listed process holds; None: that cannot be told."""
    if gpu is None or gpu.memory_used_bytes is None or gpu.processes is None or gpu.mig_mode:
        return None
    held = [process.used_memory_bytes for process in gpu.processes]
    return None if None in held else gpu.memory_used_bytes - sum(filter(None, held))


def _is_leaked(gpu: NvmlGpu) -> bool:
    """Whether much is in use and nobody is listed at all: the driver's own share is below both limits."""
    unseen = _unseen(gpu)
    if unseen is None or gpu.processes or gpu.memory_total_bytes is None or gpu.virtualization_mode:
        return False
    return unseen >= max(LEAK, LEAK_SHARE * gpu.memory_total_bytes)


def _leak(gpu: NvmlGpu) -> Finding:
    return Finding(
        title=f"GPU {gpu.index}: {(gpu.memory_used_bytes or 0) // MIB} MiB in use, and no process is seen that holds it",
        severity="info",
        detail="A process that died badly, or one that the driver does not show, holds it.",
        evidence=(gpu.says("memory_used_bytes", _mib(gpu)), gpu.says("processes", "none")),
        fix=(Fix("See who has the GPU open, those that nvidia-smi does not show too", "sudo fuser -v /dev/nvidia*"),),
        gpu=gpu.index,
    )


def _finding(
    room: Room,
    ran_out: str,
    gpu: NvmlGpu | None,
    inside: bool,
    elsewhere: tuple[Fix, ...],
    severity: Severity = "error",
) -> Finding:
    of = f" of {room.total // MIB}" if room.total else ""
    left = f"{room.free // MIB}{of} MiB" if room.free is not None else "too little memory"
    return Finding(
        title=f"{room.where}: {left} free{ran_out}{_who(gpu)}",
        severity=severity,
        detail=f"Memory is in use{_held(gpu, inside)}.",
        evidence=((gpu.says("memory_used_bytes", _mib(gpu)), gpu.says("processes", _listed(gpu))) if gpu else ()),
        fix=(Fix("See who holds it, those in other containers too", "sudo fuser -v /dev/nvidia*"), *elsewhere),
        gpu=room.gpu,
    )


def _mib(gpu: NvmlGpu) -> str | None:
    return f"{gpu.memory_used_bytes // MIB} MiB" if gpu.memory_used_bytes is not None else None


def _listed(gpu: NvmlGpu) -> str | None:
    """Who holds memory, for evidence; None: NVML would not say."""
    return (", ".join(_holders(gpu)) or "none") if gpu.processes is not None else None


def _holders(gpu: NvmlGpu | None) -> list[str]:
    """``4242 python3``, the largest first."""
    known = sorted(gpu.processes or (), key=lambda p: -(p.used_memory_bytes or 0)) if gpu is not None else []
    return [f"{process.pid} {process.name or ''}".strip() for process in known]


def _who(gpu: NvmlGpu | None) -> str:
    """For the title: who holds the rest, or that nobody is seen who does."""
    holders = _holders(gpu)
    if len(holders) > 1:
        return f"; {len(holders)} processes hold the rest"
    if holders:
        pid, _, name = holders[0].partition(" ")
        return f"; {pid} {name.rpartition('/')[2]}".rstrip() + " holds the rest"
    return "; no process is seen that holds the rest" if gpu is not None and gpu.processes is not None else ""


def _held(gpu: NvmlGpu | None, inside: bool) -> str:
    holders, unseen = _holders(gpu), _unseen(gpu)
    hidden = " (from inside a container those of others are not seen)" if inside else ""
    if not holders:
        return f", and no process is seen that holds it{hidden}"
    rest = (
        f"; {unseen // MIB} MiB of it by no process that is seen{hidden}"
        if unseen is not None and unseen >= LEAK
        else ""
    )
    return f", held by {', '.join(holders[:3])}{rest}"
