"""The only door to the machine: files, environment, commands and children. Everything a collector sees comes through here.

A test hands collectors a `RecordedHost` (a dict of files) instead; ``--sysroot`` hands them a folder.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Protocol

from envdoctor.collect.heard import Heard
from envdoctor.collect.request import Request, RunAs
from envdoctor.facts import INTERRUPTED, Problem, ProblemKind


class CannotLook(Exception):
    """A look at the machine failed in a way that has a name; the seam round every collector turns it into a `Problem`."""

    def __init__(self, kind: ProblemKind, detail: str, **more: str | None) -> None:
        super().__init__(detail)
        self.problem = Problem(kind=kind, detail=detail, **more)


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A command that ended."""

    exit_code: int
    stdout: str
    """At most 1 MiB of it."""
    stderr: str


@dataclass(frozen=True, kw_only=True)
class ChildResult:
    """How a child of `Host.child` ended, and what it said on its own channel (never on stdout, which anyone may write to)."""

    outcome: Literal["exited", "signalled", "timeout", "unkillable"]
    """unkillable: it did not die of SIGKILL either (D state) and was left behind."""
    exit_code: int | None = None
    signal: str | None = None
    """``SIGSEGV``."""
    stages: tuple[dict[str, Any], ...] = ()
    """The JSON lines it wrote, in order; each has the key ``stage``."""
    stage: str | None = None
    """The stage that it had entered, and not left, when it ended; None: it had left all."""
    frame: str | None = None
    """``file.py:12 in function``: where its Python stood when it died or the deadline passed, as far as faulthandler told."""
    stdout: str = ""
    """The first 64 KiB."""
    stderr: str = ""
    """The first and last 64 KiB."""
    seconds: float = 0.0


class Host(Protocol):
    """The machine, as a collector may look at it. Every path is absolute; a missing file raises FileNotFoundError,
    one that may not be read PermissionError, and a command that is not installed CannotLook("absent")."""

    request: Request
    environ: Mapping[str, str]
    notes: dict[str, str]
    """What collectors are doing, by their names: for the progress line."""
    interrupted: bool
    """Set once the user wants no more looking: no child is started any more."""
    unknown_environ: Problem | None
    """Why the environment is not known, where it is not: another process's that we have no right to read."""
    run_as: RunAs | None
    """Whom the examined interpreter is run as, where it is not us."""

    @property
    def live(self) -> bool:
        """Whether commands and children can be run: not on a recorded machine and not under ``--sysroot``."""

    def read(self, path: str, limit: int = 1 << 20) -> str:
        """The text of a file (undecodable bytes replaced), `limit` bytes of it at most."""

    def read_bytes(self, path: str, limit: int = 1 << 20) -> bytes:
        """The first `limit` bytes of a file."""

    def exists(self, path: str) -> bool:
        """Whether something is there (links followed). Raises PermissionError where that cannot be told."""

    def list(self, path: str) -> Sequence[str]:
        """The names in a folder, sorted."""

    def glob(self, pattern: str) -> Sequence[str]:
        """Absolute paths that match, sorted; none where a folder on the way cannot be read."""

    def resolve(self, path: str) -> str:
        """The real path, all links followed."""

    def link(self, path: str) -> str:
        """What a symbolic link says. Raises OSError for what is none."""

    def stat(self, path: str) -> os.stat_result:
        """stat(2), links followed."""

    def run(self, command: Sequence[str], seconds: float = 5.0) -> Finished:
        """Run a program to its end. Raises CannotLook: absent (not installed), timeout, or skipped (not a live machine)."""

    def child(
        self,
        script: str,
        arguments: Sequence[str] = (),
        *,
        python: str | None = None,
        seconds: float | None = None,
        environ: Mapping[str, str] | None = None,
        isolated: bool = False,
        heard: Heard | None = None,
    ) -> ChildResult:
        """Run ``envdoctor/inside/<script>`` in a child of its own process group, under the interpreter `python`
        (default: the one envdoctor runs in), with a deadline (default: `Request.probe_seconds`).
        `isolated` adds ``-I``; `heard` is told each stage as it begins, and who listens so gets what was
        said until an interruption. Raises CannotLook("skipped") where the machine is not live,
        or the user has interrupted the examination."""

    def seconds_left(self) -> float:
        """Until the deadline of the whole examination."""

    def note(self, collector: str, text: str) -> None:
        """What `collector` is doing now, for the progress line."""


@dataclass
class LiveHost:
    """This machine; or, with `sysroot`, the files of another one below that folder."""

    request: Request = field(default_factory=Request)
    sysroot: str = "/"
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    notes: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False
    began: float = field(default_factory=time.monotonic)
    unknown_environ: Problem | None = None
    tools_environ: Mapping[str, str] | None = None
    """The environment for our own interpreter and for the system's programs, where `environ` is another process's."""
    run_as: RunAs | None = None
    """Whom the examined interpreter is run as, where it is not us."""

    @property
    def live(self) -> bool:
        """False under a sysroot: its programs cannot be run here."""
        return self.sysroot == "/"

    def _real(self, path: str) -> Path:
        """Where `path` lies on our own file system. Under a sysroot, absolute links are followed inside it."""
        if self.sysroot == "/":
            return Path(path)
        root = Path(self.sysroot)
        parts, current, budget = list(PurePosixPath(path).parts[1:]), root, 40
        while parts:
            part = parts.pop(0)
            if part == "..":
                current = current.parent if current != root else root
                continue
            step = current / part
            if step.is_symlink():
                budget -= 1
                if budget < 0:
                    raise OSError(errno.ELOOP, "too many links", path)
                target = PurePosixPath(step.readlink())
                if target.is_absolute():
                    current, parts = root, [*target.parts[1:], *parts]
                else:
                    parts = [*target.parts, *parts]
                continue
            current = step
        return current

    def read_bytes(self, path: str, limit: int = 1 << 20) -> bytes:
        """See `Host.read_bytes`. Reads in pieces: a file of /proc ends a read early."""
        pieces: list[bytes] = []
        with self._real(path).open("rb", buffering=0) as stream:
            while limit > 0 and (piece := stream.read(limit)):
                pieces.append(piece)
                limit -= len(piece)
        return b"".join(pieces)

    def read(self, path: str, limit: int = 1 << 20) -> str:
        """See `Host.read`."""
        return self.read_bytes(path, limit).decode("utf-8", "replace")

    def exists(self, path: str) -> bool:
        """See `Host.exists`."""
        try:
            self._real(path).stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def list(self, path: str) -> Sequence[str]:
        """See `Host.list`."""
        return sorted(os.listdir(self._real(path)))

    def glob(self, pattern: str) -> Sequence[str]:
        """See `Host.glob`."""
        import glob

        if self.sysroot == "/":
            return sorted(glob.glob(pattern))
        root = self.sysroot.rstrip("/")
        return sorted(found.removeprefix(root) for found in glob.glob(glob.escape(root) + pattern))

    def resolve(self, path: str) -> str:
        """See `Host.resolve`."""
        real = os.path.realpath(self._real(path))
        return real if self.sysroot == "/" else "/" + real.removeprefix(os.path.realpath(self.sysroot)).lstrip("/")

    def link(self, path: str) -> str:
        """See `Host.link`."""
        folder, _, name = path.rpartition("/")
        return os.readlink(self._real(folder) / name)

    def stat(self, path: str) -> os.stat_result:
        """See `Host.stat`."""
        return self._real(path).stat()

    def run(self, command: Sequence[str], seconds: float = 5.0) -> Finished:
        """See `Host.run`."""
        from envdoctor.collect.child import run_command

        self._must_be_live()
        try:
            environ = self.environ if self.tools_environ is None else self.tools_environ
            # A name is looked up on our own PATH; a path was found in the examined environment.
            run_as = self.run_as if os.path.isabs(command[0]) else None
            return run_command(command, min(seconds, self.request.probe_seconds), environ, run_as)
        except CannotLook as error:
            if self.interrupted and error.problem.signal == "SIGKILL":
                raise CannotLook("skipped", f"{INTERRUPTED} while {command[0]} ran") from error
            raise

    def child(
        self,
        script: str,
        arguments: Sequence[str] = (),
        *,
        python: str | None = None,
        seconds: float | None = None,
        environ: Mapping[str, str] | None = None,
        isolated: bool = False,
        heard: Heard | None = None,
    ) -> ChildResult:
        """See `Host.child`."""
        from envdoctor.collect.child import run_child

        self._must_be_live()
        ours = self.tools_environ if python is None else None
        result = run_child(
            script,
            arguments,
            python=python,
            seconds=self.request.probe_seconds if seconds is None else seconds,
            environ=environ or ours or self.environ,
            isolated=isolated,
            heard=heard,
            run_as=self.run_as if python is not None else None,
            folder=None if self.tools_environ is None else "/",  # ours is none of the process's
        )
        if self.interrupted and result.signal == "SIGKILL" and heard is None:
            where = f" in stage {result.stage}" if result.stage else ""
            raise CannotLook("skipped", f"{INTERRUPTED}{where} after {result.seconds:.1f} s")
        return result

    def seconds_left(self) -> float:
        """See `Host.seconds_left`."""
        return self.began + self.request.total_seconds - time.monotonic()

    def place(self, path: str) -> Path:
        """Where `path` lies on our own file system. Under a sysroot, absolute links are followed inside it."""
        return self._real(path)

    def note(self, collector: str, text: str) -> None:
        """See `Host.note`."""
        self.notes[collector] = text

    def _must_be_live(self) -> None:
        if self.interrupted:
            raise CannotLook("skipped", INTERRUPTED)
        if not self.live:
            raise CannotLook("skipped", f"{self.sysroot} is not the running machine: its programs are not run")
