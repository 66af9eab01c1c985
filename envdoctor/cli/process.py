"""What a process may have been started with, or be sent, that must not spoil the report."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from types import FrameType

import click


def hold_standard_streams() -> None:
    """Give descriptors 0, 1 and 2 to /dev/null where they came closed: else a pipe to a child would be its stdin or stdout."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            taken = os.open(os.devnull, os.O_RDWR)
            if taken != number:
                os.dup2(taken, number)
                os.close(taken)


def stand_somewhere(paths: Mapping[str, object]) -> None:
    """Go to ``/``, and say so, where the working directory is gone: torch itself cannot be imported from there.
    Raises a usage error for one of `paths` (option to value) that only that directory could have made sense of."""
    if _has_working_directory():
        return
    for option, path in paths.items():
        if path is not None and not os.path.isabs(str(path)):
            raise click.BadParameter(f"the working directory is gone, so {path} leads nowhere", param_hint=option)
    os.chdir("/")
    if sys.stderr is not None:
        click.echo("The working directory is gone; going on from /.", err=True)


def _has_working_directory() -> bool:
    try:
        os.getcwd()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM (``timeout 30 envdoctor …``) and SIGHUP end the looking as Ctrl-C does: the report holds what was known by then,
    and no child is left behind. A signal that whoever started us has ignored (nohup) stays ignored."""
    before = {}
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            before[number] = signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
