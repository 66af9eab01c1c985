"""Questions about a running process that several checks and the verdict ask. ``None``: nobody could tell."""

from __future__ import annotations

import re

from envdoctor.facts import (
    Process,
    ProcessGpu,
    ProcessGpus,
    ProcessLibraries,
    ProcessNodes,
    ProcessRelative,
    ProcessStack,
    ProcessThread,
)

IDLE_GPU = 30.0
"""% of the time: a GPU that is fed is at work for most of it; between steps it drops for moments, not for seconds."""
PEGGED = 0.9
"""Of one processor: a thread that never waits."""
IDLE_CPU = 0.1
"""Processors: timers and watchdog threads of a process that waits use less."""
STARTING = 15.0
"""Seconds in which a process imports, loads and compiles: it has not begun its work."""
IN_DRIVER = re.compile(r"^(?:nv_|nvidia|_nv\d+rm|uvm_|os_acquire|rm_)|nvidia")
"""Kernel functions of the NVIDIA driver."""
LOADER_FRAME = re.compile(r"torch/utils/data/(?:dataloader|_utils/fetch)\.py")
COLLECTIVE_FRAME = re.compile(
    r"^(?:all_reduce|all_gather\w*|reduce_scatter\w*|broadcast\w*|barrier|all_to_all\w*|_?store_based_barrier|rendezvous|"
    r"init_process_group|_create_c10d_store)\b.*torch/distributed/"
)
STATES = {
    "R": "running",
    "S": "sleeping",
    "D": "waiting in the kernel",
    "T": "stopped",
    "t": "held by a debugger",
    "Z": "ended",
}
"""The state in /proc/PID/stat, in words."""
HELD = {"T": "is stopped (SIGSTOP or Ctrl-Z)", "t": "is held by a debugger"}
FROZEN = "is frozen with its cgroup (docker pause)"
POLLS = re.compile(r"^(?:poll_schedule_timeout|do_poll|do_sys_poll)")
GIB = 1 << 30


def label(process: Process) -> str:
    """``process 4711 (python)``."""
    return f"process {process.pid} ({process.name})" if process.name else f"process {process.pid}"


def duration(seconds: float) -> str:
    """``40 s``, ``12 min``, ``5 h``, ``3 days``."""
    for size, unit in ((86400 * 2, "days"), (7200, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds / {'days': 86400, 'h': 3600, 'min': 60}[unit]:.0f} {unit}"
    return f"{seconds:.0f} s"


def on_gpu(libraries: ProcessLibraries | None, nodes: ProcessNodes | None, gpus: ProcessGpus | None) -> bool | None:
    """Whether CUDA works in the process. NVML's list proves it either way, where that can be whole; device memory that it has mapped proves
    that it does. An open device node alone proves little: a monitor holds one, and so does who only asked whether there is a GPU."""
    if nodes is not None and not nodes.open:
        return False  # whatever number NVML lists: in a container that can be another's
    if gpus is not None and gpus.used:
        return True
    if nodes is None:
        return None
    if not nodes.gpus:
        return False
    if gpus is not None and gpus.gpus and (gpus.reliable or gpus.empty):
        return False
    if libraries is not None and any(path in ("/dev/nvidiactl", *nodes.gpus) for path in libraries.mapped_nodes):
        return True
    return None


def its_gpus(
    libraries: ProcessLibraries | None, nodes: ProcessNodes | None, gpus: ProcessGpus | None
) -> tuple[ProcessGpu, ...]:
    """The GPUs that the process is known to work on; the only one of the machine, where NVML cannot say."""
    if gpus is None or not on_gpu(libraries, nodes, gpus):
        return ()
    return gpus.used or (gpus.gpus if len(gpus.gpus) == 1 else ())


def busy(gpus: tuple[ProcessGpu, ...]) -> float | None:
    """How much of the time the process kept the busiest of its GPUs at work, in %."""
    known = [gpu.busy for gpu in gpus if gpu.busy is not None]
    return max(known) if known and len(known) == len(gpus) else None


def named(gpus: tuple[ProcessGpu, ...]) -> str:
    """``GPU 0``, ``GPUs 0, 1, 2``."""
    numbers = ", ".join(str(gpu.index) for gpu in gpus)
    return f"GPU{'s' * (len(gpus) > 1)} {numbers}" if gpus else "a GPU"


def held(gpus: tuple[ProcessGpu, ...]) -> str:
    """``5.2 GiB``; empty: unknown."""
    known = [gpu.memory_bytes for gpu in gpus if gpu.memory_bytes is not None]
    return f"{sum(known) / GIB:.1f} GiB" if known else ""


def stopped(process: Process) -> str | None:
    """How it is kept from doing anything at all: stopped, held by a debugger, or frozen with its cgroup; None: it is not."""
    if process.state in HELD:
        return HELD[process.state]
    main = process.main_thread
    return FROZEN if main is not None and re.search("freezer|refrigerator", main.wait_channel or "") else None


def gone(process: Process) -> bool:
    """Whether it has ended."""
    return process.ended or process.state in ("Z", "X")


def is_worker(process: Process) -> bool:
    """Whether it is a helper of another torch process: a data loader has no business on a GPU."""
    parent = process.parent
    if parent is None or not parent.torch:
        return False
    command = process.command or ""
    return "multiprocessing" in command or command == parent.command or (process.name or "").startswith("pt_data")


def loaders(process: Process, gpus: ProcessGpus | None) -> tuple[ProcessRelative, ...]:
    """Its data loaders: what it started that has torch, or Python's multiprocessing, and does not work on a GPU by itself."""
    listed = {pid for gpu in (gpus.gpus if gpus is not None else ()) for pid in gpu.pids}
    return tuple(
        child for child in process.children if child.pid not in listed and _may_load(child) and _off_gpu(child, process)
    )


def _may_load(child: ProcessRelative) -> bool:
    command = child.command or ""
    called_so = "multiprocessing" in command or (child.name or "").startswith("pt_data")
    return (bool(child.torch) or called_so) and "resource_tracker" not in command


def _off_gpu(child: ProcessRelative, process: Process) -> bool:
    """A child that was forked has what was open before, GPUs' nodes too; one that was started anew opened its own."""
    return not child.gpu_nodes or child.command == process.command


def work_of(relatives: tuple[ProcessRelative, ...]) -> float:
    """Processors that they use together."""
    return sum(relative.cpu or 0.0 for relative in relatives)


def wants(one: ProcessThread | ProcessRelative) -> float:
    """Processors that it would use, had it them to itself: on a busy machine a thread that never rests gets only a part."""
    return one.wanted if one.wanted is not None else one.cpu or 0.0


def effort(process: Process) -> float | None:
    """Processors that all its threads would use; None: it was not seen at work."""
    return max(process.cpu, sum(map(wants, process.threads))) if process.cpu is not None else None


def pegged(process: Process) -> ProcessThread | None:
    """The thread that never rests, and uses a whole processor if it gets it; None: there is none, or several (that is computing, not issuing)."""
    found = [thread for thread in process.threads if wants(thread) >= PEGGED]
    return found[0] if len(found) == 1 else None


def idle(process: Process) -> bool:
    """Whether it and all that it started do nothing."""
    return process.cpu is not None and process.cpu < IDLE_CPU and work_of(process.children) < IDLE_CPU


def stuck_in_driver(process: Process) -> tuple[ProcessThread, ...]:
    """Threads that waited inside the NVIDIA driver, uninterruptibly, each time that one looked."""
    return tuple(
        thread
        for thread in process.threads
        if thread.state == "D" and thread.always_in_state and IN_DRIVER.search(thread.wait_channel or "")
    )


def frame_of(stack: ProcessStack | None, pattern: re.Pattern[str]) -> str | None:
    """The innermost frame of the main thread that matches; None: none does, or nobody could look."""
    main = stack.main if stack is not None else None
    return next((frame for frame in main.frames if pattern.search(frame)), None) if main is not None else None


def loads_data(process: Process, gpus: ProcessGpus | None, stack: ProcessStack | None) -> bool:
    """Whether the process waits for data: it stands in its loader, or its main thread waits while its loaders work hard, or for them."""
    if frame_of(stack, LOADER_FRAME) is not None:
        return True
    main = process.main_thread
    if main is None or main.cpu is None or wants(main) >= 0.5:
        return False
    if main.state == "D" and not IN_DRIVER.search(main.wait_channel or ""):
        return True  # it reads by itself, and waits for storage
    helpers = loaders(process, gpus)
    at_work = sum(min(wants(child) + (child.blocked or 0.0), 1.0) for child in helpers) >= PEGGED
    return at_work or waits_for_them(process, helpers)


def waits_for_them(process: Process, helpers: tuple[ProcessRelative, ...]) -> bool:
    """Whether the main thread polls a pipe, as it does for the next batch of loaders that were forked (an event loop would use epoll)."""
    main = process.main_thread
    forked = [child for child in helpers if child.command == process.command]
    return bool(forked) and main is not None and POLLS.search(main.wait_channel or "") is not None


def waits_for_rank(
    process: Process, libraries: ProcessLibraries, gpus: tuple[ProcessGpu, ...], stack: ProcessStack | None
) -> str | None:
    """The sign that NCCL waits for another rank: where Python stands while the GPU does nothing, or a GPU that spins evenly without
    touching its memory and at little power. None: there is no such sign, or there are no other ranks."""
    if not libraries.named("nccl") or not gpus:
        return None
    frame, value = frame_of(stack, COLLECTIVE_FRAME), busy(gpus)
    if frame is not None and (all(map(_spins, gpus)) or (value is not None and value < 5)):
        return frame
    ranks = (process.ranks or 0) > 1 or any((thread.name or "").startswith("pt_nccl") for thread in process.threads)
    return SPINS if ranks and all(map(_spins, gpus)) else None


SPINS = "it spins: 100 % busy, no memory moved, little power"


def _spins(gpu: ProcessGpu) -> bool:
    """NCCL's kernels poll: the GPU counts as busy, and neither its memory nor its power shows work."""
    power, limit = gpu.power_watts, gpu.power_limit_watts
    return (
        gpu.utilization_least is not None
        and gpu.utilization_least >= 99
        and gpu.memory_utilization_most == 0
        and power is not None
        and limit is not None
        and power < 0.4 * limit
        and gpu.power_spread_watts is not None
        and gpu.power_spread_watts < 0.05 * limit
    )
