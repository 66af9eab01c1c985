"""What the user asked for, and whom what is examined is run as."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user asked for."""

    python: str | None = None
    """``--python``; None: choose one."""
    quick: bool = False
    """No import of torch, no work on a GPU."""
    probe_seconds: float = 20.0
    """The deadline of one probe."""
    total_seconds: float = 60.0
    device: str | None = None
    """``--device``: what to do the work on; None: every GPU that torch sees."""
    budget: float = 8.0
    """Seconds of work on a device; 0: none."""
    thorough: bool = False
    """A compiled kernel, a memory test and a minute of load as well."""
    pid: int | None = None
    """``--pid``: a running process to examine, with the environment that it has; no work is done."""
    watch_seconds: float = 3.0
    """How long that process is watched."""


@dataclass(frozen=True, kw_only=True)
class RunAs:
    """Whom a program is run as: root must not run with its own rights what another user's process was started with."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()
