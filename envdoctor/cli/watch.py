"""``envdoctor check --pid PID --watch SECONDS``: the process again and again, until it ends or the user has seen enough."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import msgspec

from envdoctor.cli.output import deliver, paper
from envdoctor.cli.process import interruptible
from envdoctor.collect.host import LiveHost
from envdoctor.diagnose.running import gone
from envdoctor.facts import Process, Snapshot
from envdoctor.report.model import Report

Show = Callable[[Report], None]


def keep_watching(
    host: LiveHost, report: Report, seconds: float, wanted: Callable[[str], bool], form: str, quiet: bool
) -> Report:
    """Look again, each time for `seconds`, and show each look; the report on the last that was whole."""
    from envdoctor.examine import judge, look_again

    request = replace(host.request, watch_seconds=seconds, total_seconds=seconds + host.request.total_seconds)
    again = replace(host, request=request)
    with contextlib.suppress(KeyboardInterrupt), interruptible(), _view(form, quiet) as show:
        show(report)
        while not _has_ended(report.snapshot):
            with contextlib.redirect_stdout(sys.stderr):
                snapshot = look_again(again, report.snapshot)
            if again.interrupted:
                break
            report = judge(_with_the_last_of_it(snapshot, report.snapshot), wanted)
            show(report)
    return report


def _with_the_last_of_it(snapshot: Snapshot, before: Snapshot) -> Snapshot:
    """The look; where the process was gone by then, what was known of it `before`."""
    last = before.get(Process)
    if snapshot.get(Process) is not None or last is None:
        return snapshot
    ended = msgspec.structs.replace(last, ended=True)
    return msgspec.structs.replace(before, created=snapshot.created, facts={**before.facts, "process": ended})


def _has_ended(snapshot: Snapshot) -> bool:
    process = snapshot.get(Process)
    return process is None or gone(process)


@contextlib.contextmanager
def _view(form: str, quiet: bool) -> Iterator[Show]:
    """What shows each look: a live view on a terminal, else a line; on stderr where stdout is for the report alone."""
    if quiet:
        yield lambda report: None
        return
    on_screen = (
        form == "terminal" and sys.stdout is not None and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    )
    if on_screen:
        with _live() as show:
            yield show
        return
    yield _line_on_stdout if form == "terminal" else _line_on_stderr


def _line_on_stdout(report: Report) -> None:
    from envdoctor.report.running import line

    deliver(line(report) + "\n", None)


def _line_on_stderr(report: Report) -> None:
    from envdoctor.report.running import line

    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(line(report) + "\n")
            sys.stderr.flush()


@contextlib.contextmanager
def _live() -> Iterator[Show]:
    """The first line, and the process, in place; it makes way for the report at the end."""
    from rich.console import Console
    from rich.live import Live

    from envdoctor.report.running import live_view

    width, color, _ = paper(None)
    console = Console(width=width, no_color=not color, highlight=False, markup=False, emoji=False)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield lambda report: live.update(live_view(report), refresh=True)
