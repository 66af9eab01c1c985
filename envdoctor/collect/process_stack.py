"""Where the Python of a running process stands, by py-spy where somebody installed it."""

from __future__ import annotations

import json
import os
from typing import Any

from envdoctor.collect.api import collector
from envdoctor.collect.host import CannotLook, Host
from envdoctor.collect.process_python import interpreter_of
from envdoctor.facts import ProcessFrame, ProcessStack

DEADLINE = 5.0
MOST_FRAMES = 30


@collector(when="with --pid")
def process_stack(host: Host) -> ProcessStack:
    """``py-spy dump --nonblocking``: it reads the process's memory and does not stop it. Never required."""
    pid = host.request.pid
    assert pid is not None
    interpreter_of(host, pid)
    dump = host.run(("py-spy", "dump", "--nonblocking", "--json", "--pid", str(pid)), seconds=DEADLINE)
    if dump.exit_code != 0:
        words = " ".join((dump.stderr or dump.stdout).split())[:200]
        raise CannotLook("denied" if "ermission" in words else "failed", f"py-spy says: {words}")
    threads: list[dict[str, Any]] = json.loads(dump.stdout)
    return ProcessStack(threads=tuple(map(_thread, threads)), sources={"threads": f"py-spy dump --pid {pid}"})


def _thread(told: dict[str, Any]) -> ProcessFrame:
    frames = [
        f"{frame.get('name')} ({_short(frame.get('filename') or '')}:{frame.get('line')})"
        for frame in told.get("frames") or ()
    ]
    return ProcessFrame(
        thread=told.get("thread_name") or str(told.get("os_thread_id") or told.get("thread_id")),
        active=told.get("active"),
        frames=tuple(frames[:MOST_FRAMES]),
    )


def _short(path: str) -> str:
    """From the package on, where it is one's; else the last two parts."""
    _, found, rest = path.rpartition("-packages/")
    return rest if found else os.path.join(*path.split("/")[-2:])
