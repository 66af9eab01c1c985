"""Run what may crash, hang, or load a GPU library: in a process group of its own, with a deadline, and never waiting for more than it.

The child's own words come on a pipe that only it writes to (see ``inside/channel.py``); stdout and stderr belong to whatever
it loads, are read so that nothing blocks, and kept only in part.
"""

from __future__ import annotations

import contextlib
import os
import resource
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from envdoctor.collect.heard import Channel, Heard, ended_itself, last_frame, open_stage
from envdoctor.collect.host import CannotLook, ChildResult, Finished
from envdoctor.collect.pipes import Pipes, Tail
from envdoctor.collect.request import RunAs

INSIDE = Path(__file__).resolve().parent.parent / "inside"

KEEP = 64 << 10
"""Bytes of stdout, and of either end of stderr, that are kept."""
DYING = 1.0
"""Seconds that a killed child has to die before it is left behind."""

_alive: set[int] = set()
_lock = threading.Lock()


def kill_all() -> None:
    """Kill the process group of every child that is still at work: nothing of ours outlives the examination."""
    with _lock:
        groups = tuple(_alive)
    for group in groups:
        _kill(group, signal.SIGKILL)


def _kill(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _ended(process: subprocess.Popen[bytes], pipes: Pipes, until: float) -> bool:
    """Read the pipes until the process ends or the moment `until` (monotonic) has come. True: it ended."""
    pause = 0.002
    while process.poll() is None:
        left = until - time.monotonic()
        if left <= 0:
            return False
        pipes.read(left if pipes.pidfd is not None else min(left, pause))
        pause = min(pause * 1.5, 0.05)
    return True


def _spawn(
    command: Sequence[str],
    environ: Mapping[str, str],
    pass_fds: Iterable[int],
    run_as: RunAs | None,
    folder: str | None = None,
) -> subprocess.Popen[bytes]:
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environ),
            pass_fds=tuple(pass_fds),
            start_new_session=True,
            cwd=folder,
            user=run_as.uid if run_as else None,
            group=run_as.gid if run_as else None,
            extra_groups=run_as.groups if run_as else None,
        )
    except FileNotFoundError as error:
        if os.path.exists(command[0]):
            what = "what its first line names, or its loader, is not there"
            raise CannotLook("failed", f"{command[0]} cannot be run: {what}") from error
        raise CannotLook("absent", f"{command[0]} is not installed") from error
    except PermissionError as error:
        raise CannotLook("denied", f"{command[0]} may not be run") from error
    except OSError as error:
        raise CannotLook("failed", f"{command[0]} cannot be run: {error.strerror}") from error
    with _lock:
        _alive.add(process.pid)
    _no_core_file(process.pid)
    return process


def _no_core_file(pid: int) -> None:
    """What crashes under our eyes is told in the report, not left in the user's folder (where the limit allows it)."""
    with contextlib.suppress(OSError, ValueError):
        _, most = resource.getrlimit(resource.RLIMIT_CORE)
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, most))


def _bury(process: subprocess.Popen[bytes], pipes: Pipes) -> bool:
    """Kill what is left of the group and reap the child. False: it does not die."""
    _kill(process.pid, signal.SIGKILL)
    dead = _ended(process, pipes, time.monotonic() + DYING)
    pipes.drain()
    with _lock:
        _alive.discard(process.pid)
    return dead


def _own_ends(process: subprocess.Popen[bytes]) -> tuple[int, int]:
    """Descriptors of the child's stdout and stderr that belong to us, not to the Popen object."""
    assert process.stdout is not None
    assert process.stderr is not None
    ends = os.dup(process.stdout.fileno()), os.dup(process.stderr.fileno())
    process.stdout.close()
    process.stderr.close()
    return ends


def run_command(
    command: Sequence[str], seconds: float, environ: Mapping[str, str], run_as: RunAs | None = None
) -> Finished:
    """Run a program to its end and keep its output. Raises CannotLook: absent, denied, timeout, crashed."""
    program = shutil.which(command[0], path=environ.get("PATH"))
    if program is None:
        raise CannotLook("absent", f"{command[0]} is not installed")
    process = _spawn([program, *command[1:]], environ, (), run_as)
    out, err = _own_ends(process)
    stdout, stderr = Tail(1 << 20, 0), Tail(KEEP, KEEP)
    pipes = Pipes({out: stdout, err: stderr}, process.pid)
    try:
        ended = _ended(process, pipes, time.monotonic() + seconds)
        _bury(process, pipes)
    finally:
        pipes.close()
    if not ended:
        raise CannotLook("timeout", f"{command[0]} did not answer within {seconds:g} s")
    if process.returncode < 0:
        name = _signal_name(-process.returncode)
        raise CannotLook("crashed", f"{command[0]} was ended by {name}", signal=name)
    return Finished(exit_code=process.returncode, stdout=stdout.text(), stderr=stderr.text())


def run_child(
    script: str,
    arguments: Sequence[str],
    *,
    python: str | None,
    seconds: float,
    environ: Mapping[str, str],
    isolated: bool,
    heard: Heard | None = None,
    run_as: RunAs | None = None,
    folder: str | None = None,
) -> ChildResult:
    """Run ``inside/<script>`` (or a script named by an absolute path) under `python`. See `Host.child`.

    Raises CannotLook (absent, denied, failed) where the interpreter cannot even be started.
    """
    begun = time.monotonic()
    read_end, write_end = os.pipe()
    trace_read, trace_write = os.pipe()
    nonce = secrets.token_hex(16)
    more = {"ENVDOCTOR_CHANNEL": str(write_end), "ENVDOCTOR_TRACE": str(trace_write), "ENVDOCTOR_NONCE": nonce}
    flags = ["-I"] if isolated else []
    path = str(INSIDE / script)  # an absolute script stays as it is
    try:
        process = _spawn(
            [python or sys.executable, *flags, "-u", path, *arguments],
            {**environ, **more},
            (write_end, trace_write),
            run_as,
            folder,
        )
    except CannotLook:
        os.close(read_end)
        os.close(trace_read)
        raise
    finally:
        os.close(write_end)
        os.close(trace_write)
    out, err = _own_ends(process)
    stdout, stderr, trace = Tail(KEEP, 0), Tail(KEEP, KEEP), Tail(KEEP, KEEP)
    channel = Channel(nonce, heard)
    pipes = Pipes({out: stdout, err: stderr, read_end: channel, trace_read: trace}, process.pid)
    try:
        ended = _ended(process, pipes, begun + seconds)
        if not ended:
            _ask_where(process, pipes)
        dead = _bury(process, pipes)
    finally:
        pipes.close()
    died = ended and process.returncode < 0
    late = not ended or ended_itself(trace.text())
    return ChildResult(
        outcome="unkillable" if not dead else "timeout" if late else "signalled" if died else "exited",
        exit_code=process.returncode if ended and not died else None,
        signal=_signal_name(-process.returncode) if died else None,
        stages=tuple(channel.lines),
        stage=open_stage(channel.lines),
        frame=last_frame(trace.text()),
        stdout=stdout.text(),
        stderr=stderr.text(),
        seconds=round(time.monotonic() - begun, 3),
    )


def _ask_where(process: subprocess.Popen[bytes], pipes: Pipes) -> None:
    """Have a child that hangs write down where its Python stands (channel.py listens for SIGUSR2)."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGUSR2)
    _ended(process, pipes, time.monotonic() + 0.2)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
