"""code.stopped"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.running import HELD, STATES, gone, label, stopped
from envdoctor.facts import Evidence, Process


@check("code.stopped", explains=("code.not-on-gpu", "code.data-loading", "compute.launch-stall"))
def is_stopped(process: Process) -> Iterator[Finding]:
    """The process is stopped, or held by a debugger, and does nothing.

    What it means:
    Somebody sent it SIGSTOP or pressed Ctrl-Z, a scheduler suspended the job, a debugger (gdb, strace, a profiler that pauses) holds
    it, or its container is paused. It keeps its GPU memory, and runs not a single instruction.

    How to confirm it by hand:
    `ps -o pid,stat,comm -p PID` shows T (stopped) or t (traced); `grep TracerPid /proc/PID/status` names the debugger.

    Ways out:
    Let it go on: `kill -CONT PID`, `fg` in its shell, or `scontrol resume JOB`. Detach the debugger that holds it.

    Often mistaken for:
    A hang in NCCL or in the driver.
    """
    how = stopped(process)
    if gone(process) or how is None:
        return
    yield Finding(
        title=f"{label(process)[:50]} {how}",
        severity="warning",
        detail="It runs nothing until it is let go on, and keeps what it holds.",
        evidence=(_seen(process),),
        fix=(_way_on(process),),
    )


def _seen(process: Process) -> Evidence:
    """The state; of what is frozen it says "sleeping", and the kernel function in which it waits says more."""
    if process.state in HELD:
        return process.says("state", STATES[process.state])
    main = process.main_thread
    return process.says("threads", f"the main thread waits in {main.wait_channel if main is not None else None}")


def _way_on(process: Process) -> Fix:
    if process.state == "T":
        return Fix("Let it go on", f"kill -CONT {process.pid}")
    if process.state == "t":
        return Fix("See which debugger holds it, and detach that", f"grep TracerPid /proc/{process.pid}/status")
    return Fix("Thaw its container or its unit", "docker unpause CONTAINER")
