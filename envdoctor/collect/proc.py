"""Reading /proc of one process: a file that is not for us, or is gone since the process ended, says so in words."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from envdoctor.collect.host import CannotLook, Host

KERNEL_THREAD = 0x00200000
"""PF_KTHREAD in the flags of /proc/PID/stat."""

SECRET = re.compile(r"((?:token|passw(?:or)?d|secret|(?:api|access)[-_]?key)\w*[= ])\S+", re.IGNORECASE)
"""An option of a command line that the report has no need of."""


@dataclass(frozen=True)
class Stat:
    """What /proc/PID/stat (or that of a thread) says."""

    name: str
    state: str
    parent: int
    kernel: bool
    """A thread of the kernel."""
    ticks: int
    """Of processor time, in user and kernel mode."""
    started: int
    """Ticks after boot; with the pid it names one process for ever."""
    at: float = 0.0
    """When it was read (monotonic)."""
    waited: int | None = None
    """Nanoseconds that the (main) thread was ready and had no processor; None: this kernel does not count them."""


def parse_stat(text: str) -> Stat:
    """The fields; the name may hold anything, brackets too. Raises ValueError for what is none."""
    begin, end = text.find("("), text.rfind(")")
    fields = text[end + 2 :].split()
    if not 0 <= begin < end or len(fields) < 20:
        raise ValueError(f"no process in {text[:60]!r}")
    return Stat(
        name=text[begin + 1 : end],
        state=fields[0],
        parent=int(fields[1]),
        kernel=bool(int(fields[6]) & KERNEL_THREAD),
        ticks=int(fields[11]) + int(fields[12]),
        started=int(fields[19]),
    )


def read_stat(host: Host, path: str) -> Stat | None:
    """The stat file in the folder `path`; None: what it is about has ended."""
    try:
        stat = parse_stat(host.read(f"{path}/stat", 4096))
        return replace(stat, at=time.monotonic(), waited=_waited(host, path))
    except (OSError, ValueError):
        return None


def _waited(host: Host, path: str) -> int | None:
    try:
        words = host.read(f"{path}/schedstat", 256).split()
    except OSError:
        return None
    return int(words[1]) if len(words) == 3 and words[0] != "0" else None


def seconds(ticks: int) -> float:
    """Clock ticks as seconds."""
    return ticks / os.sysconf("SC_CLK_TCK")


def age(stat: Stat) -> float:
    """Seconds since the process was started."""
    return max(time.clock_gettime(time.CLOCK_BOOTTIME) - seconds(stat.started), 0.0)


def command_of(host: Host, pid: int) -> str | None:
    """The command line in one line, 300 characters of it; None: it has none, or may not be read."""
    try:
        text = host.read(f"/proc/{pid}/cmdline", 4096)
    except OSError:
        return None
    return SECRET.sub(r"\1[removed]", " ".join(text.replace("\0", " ").split()))[:300] or None


def status_of(host: Host, pid: int) -> dict[str, str]:
    """/proc/PID/status, line by line; empty where it has ended."""
    try:
        lines = host.read(f"/proc/{pid}/status", 16384).splitlines()
    except OSError:
        return {}
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def user_name(uid: int) -> str:
    """The name of a user, else its number."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@contextlib.contextmanager
def private(host: Host, pid: int, what: str) -> Iterator[None]:
    """Round a look at what is for the process's user alone: says which right is missing. Raises CannotLook."""
    try:
        yield
    except PermissionError as error:
        raise CannotLook("denied", no_right(host, pid, what)) from error
    except (FileNotFoundError, ProcessLookupError) as error:
        raise CannotLook("absent", f"process {pid} has ended") from error


def no_right(host: Host, pid: int, what: str) -> str:
    """Who could look, where we could not."""
    words = status_of(host, pid).get("Uid", "").split()
    uid = int(words[1]) if len(words) > 1 else None
    if uid is None or uid == os.geteuid():
        return f"no right to see {what} of process {pid}, which protects itself: that takes root (CAP_SYS_PTRACE)"
    return f"no right to see {what} of process {pid}: that takes its user ({user_name(uid)}) or root (CAP_SYS_PTRACE)"


def has_own_files(host: Host, pid: int) -> bool | None:
    """Whether the process has a mount namespace of its own: its paths then are not ours. None: no right to tell."""
    try:
        return host.link(f"/proc/{pid}/ns/mnt") != host.link("/proc/self/ns/mnt")
    except OSError:
        return None


def root_of(host: Host, pid: int) -> str:
    """What to put before a path of the process to find its file: nothing, where it has the files that we have."""
    return f"/proc/{pid}/root" if has_own_files(host, pid) else ""
