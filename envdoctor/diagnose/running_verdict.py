"""The verdict on a running process, where no finding stands for it."""

from __future__ import annotations

import msgspec

from envdoctor.diagnose.api import Finding
from envdoctor.diagnose.running import (
    IDLE_GPU,
    STARTING,
    busy,
    duration,
    effort,
    gone,
    held,
    idle,
    is_worker,
    its_gpus,
    label,
    named,
    on_gpu,
)
from envdoctor.facts import Process, ProcessGpus, ProcessLibraries, ProcessNodes, Snapshot

SELDOM = 0.5
"""Processors: a process that uses less waits for something, most of the time."""


OTHERS = ("gpu.busy", "gpu.memory-full", "driver.compute-mode", "host.jupyter-exposed")
"""What the examined process itself does to the GPU that it holds, and what concerns others alone."""
ABOUT_TORCH = ("python", "torch", "cuda", "cudnn", "nccl", "framework")
AT_THE_START = ("hardware", "vm", "wsl", "driver", "container", "env", *ABOUT_TORCH)
"""Areas of what keeps a program from its GPU when it starts."""
LOADED = ("torch.not-installed", "torch.shadowed-module", "torch.import-fails")
"""What is disproved by a torch that is loaded."""
ALSO_LATER = ("driver.hung", "driver.gpu-lost")
"""What also stops one that has begun to use it."""


def nothing_to_judge(snapshot: Snapshot) -> str | None:
    """Why there is no judging this process at all; None: there is. What is wrong with the machine is a note then."""
    pid, process = snapshot.source.pid, snapshot.get(Process)
    if pid is None:
        return None
    if process is None:
        problem = snapshot.problems.get("process")
        return problem.detail if problem is not None else f"process {pid} was not looked at"
    who, libraries = label(process), snapshot.get(ProcessLibraries)
    if process.state == "Z":
        parent = f"; its parent {process.parent.pid} has not collected it" if process.parent else ""
        return f"{who} has ended (a zombie){parent}"
    if gone(process):
        return f"{who} ended while it was looked at"
    if libraries is None:
        problem = snapshot.problems.get("process_libraries")
        if problem is not None and problem.kind == "denied":
            whose = f" is {process.user}'s" if process.foreign else ""
            takes = "that user or root" if process.foreign else "root (CAP_SYS_PTRACE)"
            return f"{who}{whose}: it takes {takes} to see what it has loaded"
        return f"{who}: what it has loaded is unknown" + (f" ({problem.detail})" if problem is not None else "")
    nodes, gpus = snapshot.get(ProcessNodes), snapshot.get(ProcessGpus)
    uses = on_gpu(libraries, nodes, gpus)
    if not libraries.torch and not uses:
        return f"{who} is no torch process: none is loaded in it"
    if libraries.torch and uses is False and is_worker(process) and process.parent is not None:
        return f"{who} is a helper of torch process {process.parent.pid}: --pid {process.parent.pid} examines that"
    return None


def of_process(finding: Finding, snapshot: Snapshot) -> Finding:
    """A finding as it weighs for the examined process. One that is seen to use its GPU is not kept from it: what says so is true of the
    next one that is started. Where it has no torch, nothing that is about torch is a fault, and GPUs of others are none of its."""
    libraries, gpus = snapshot.get(ProcessLibraries), snapshot.get(ProcessGpus)
    area = finding.id.partition(".")[0]
    own = {gpu.index for gpu in gpus.used} if gpus is not None else set()
    no_torch = libraries is not None and not libraries.torch and area in ABOUT_TORCH
    of_others = bool(own) and finding.gpu is not None and finding.gpu not in own
    if finding.id in OTHERS or no_torch or of_others:
        return msgspec.structs.replace(finding, severity="info")
    disproved = bool(own) and area in AT_THE_START and finding.id not in ALSO_LATER
    disproved = disproved or (libraries is not None and libraries.torch and finding.id in LOADED)
    if disproved and finding.severity == "error":
        return msgspec.structs.replace(finding, severity="warning")
    return finding


def told(snapshot: Snapshot) -> tuple[bool | None, bool | None, str] | None:
    """Whether all is well (None: undecided), whether the GPU is used, and one sentence; None: this is no process's snapshot."""
    process, libraries = snapshot.get(Process), snapshot.get(ProcessLibraries)
    if snapshot.source.pid is None or process is None or libraries is None:
        return None
    who, gpus = label(process), snapshot.get(ProcessGpus)
    nodes = snapshot.get(ProcessNodes)
    uses = on_gpu(libraries, nodes, gpus)
    if uses is None:
        why = "NVML does not tell whose memory that is" if nodes is not None else "what it has open cannot be seen"
        held_open = " has a GPU open" if nodes is not None else ""
        return None, None, f"{who}{held_open}: whether it uses it is unknown, since {why}"
    if not uses:
        return None, False, _off_gpu(process, who)
    own = its_gpus(libraries, nodes, gpus)
    holds = f" ({held(own)})" if held(own) else ""
    if not libraries.torch:
        return True, True, f"{who} is no torch process; it uses {named(own)}{holds}"
    percent = busy(own)
    if percent is not None and percent < 1 and idle(process):
        return None, True, f"{who} holds {named(own)}{holds}, and neither does anything: it waits"
    if percent is not None and percent < IDLE_GPU and (effort(process) or 0.0) < SELDOM:
        return None, True, f"{who} uses {named(own)}{holds} for {percent:.0f} % of the time, and waits for the rest"
    figure = f", {percent:.0f} % busy" if percent is not None else ""
    age = process.age_seconds
    if percent is not None and percent < IDLE_GPU and age is not None and age < STARTING:
        return None, True, f"{who} holds {named(own)}{holds}{figure}; it began {duration(age)} ago: too early to tell"
    return True, True, f"{who} uses {named(own)}{holds}{figure}"


def _off_gpu(process: Process, who: str) -> str:
    working = [child for child in process.children if child.gpu_nodes]
    if working:
        pids = ", ".join(str(child.pid) for child in working[:4])
        return f"{who} itself uses no GPU; what it started does: --pid {pids} examines that"
    age = f" after {duration(process.age_seconds)}" if process.age_seconds is not None else ""
    if idle(process):
        return f"{who} holds no GPU{age} and does nothing"
    return f"{who} holds no GPU{age}"
