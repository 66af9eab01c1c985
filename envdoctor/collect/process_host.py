"""The door to the machine as a running process sees it: with that process's environment, and with no more rights than it has."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from envdoctor.collect.host import LiveHost
from envdoctor.collect.proc import has_own_files, no_right, read_stat, status_of
from envdoctor.collect.request import Request, RunAs
from envdoctor.facts import Problem

OF_CONTAINERS = ("KUBERNETES_SERVICE_HOST", "container", "APPTAINER_CONTAINER", "SINGULARITY_CONTAINER")
"""Variables by which a container is known: that the process is in one does not put us into it."""
OUR_PATHS = ("LD_LIBRARY_PATH", "LD_PRELOAD", "LD_AUDIT", "PATH", "PYTHONPATH", "PYTHONHOME", "CUDA_HOME", "CUDA_PATH")
"""Variables whose paths lead elsewhere in a container: they say nothing of the files that we see."""


class NoProcess(Exception):
    """The number is no process that could be examined; the text says what it is instead."""


def host_of(request: Request) -> LiveHost:
    """The host for `request.pid`. Raises NoProcess for what is no process, and for ourselves."""
    pid, ours = request.pid, dict(os.environ)
    assert pid is not None
    # py-spy may lie beside envdoctor, in an environment that is not active.
    ours["PATH"] = ":".join(filter(None, (ours.get("PATH"), os.path.dirname(sys.executable))))
    plain = LiveHost(request=request)
    _must_be_a_process(plain, pid)
    environ, problem = _environ(plain, pid)
    if has_own_files(plain, pid):
        environ = {name: value for name, value in environ.items() if name not in OUR_PATHS + OF_CONTAINERS}
    return replace(plain, environ=environ, unknown_environ=problem, tools_environ=ours, run_as=_run_as(plain, pid))


def _must_be_a_process(host: LiveHost, pid: int) -> None:
    status, stat = status_of(host, pid), read_stat(host, f"/proc/{pid}")
    if not host.exists("/proc/self/stat"):
        raise NoProcess("there is no /proc here: processes can be examined on Linux only")
    if stat is None or not status:
        hidden = _runs(pid) and not host.exists(f"/proc/{pid}")
        raise NoProcess(
            f"process {pid} is hidden from this user (hidepid): run as root" if hidden else f"there is no process {pid}"
        )
    group = status.get("Tgid")
    if group is not None and group != str(pid):
        raise NoProcess(f"{pid} is a thread of process {group}: --pid {group} examines that")
    if stat.kernel:
        raise NoProcess(f"{pid} ({stat.name}) is a thread of the kernel, not a program")
    if pid == os.getpid():
        raise NoProcess(f"{pid} is envdoctor itself")


def _runs(pid: int) -> bool:
    """Whether the kernel knows it, shown in /proc or not."""
    try:
        os.sched_getaffinity(pid)
    except OSError:
        return False
    return True


def _environ(host: LiveHost, pid: int) -> tuple[dict[str, str], Problem | None]:
    try:
        text = host.read_bytes(f"/proc/{pid}/environ", 2 << 20)
    except PermissionError:
        return {}, Problem(kind="denied", detail=no_right(host, pid, "the environment"))
    except OSError:
        return {}, Problem(kind="absent", detail=f"process {pid} has ended")
    pairs = (entry.partition(b"=") for entry in text.split(b"\0"))
    return {os.fsdecode(name): os.fsdecode(value) for name, equals, value in pairs if name and equals}, None


def _run_as(host: LiveHost, pid: int) -> RunAs | None:
    """Whom to run the process's interpreter as: its own user, where we are root and it is not."""
    status = status_of(host, pid)
    uids, gids = (status.get(key, "").split() for key in ("Uid", "Gid"))
    if os.geteuid() != 0 or len(uids) < 2 or len(gids) < 2 or int(uids[1]) == 0:
        return None
    groups = tuple(int(group) for group in status.get("Groups", "").split())
    return RunAs(uid=int(uids[1]), gid=int(gids[1]), groups=groups)
