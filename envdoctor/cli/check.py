"""``envdoctor check``: examine this machine and judge it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from envdoctor.cli.codes import FINE, UNDECIDED, exit_code
from envdoctor.cli.options import Device, Expect, Seconds, known_globs, output_options
from envdoctor.cli.output import CannotWrite, Ticker, deliver, must_be_writable, paper
from envdoctor.cli.process import interruptible, stand_somewhere
from envdoctor.collect.host import LiveHost
from envdoctor.collect.request import Request
from envdoctor.facts import Expectation, Fact, Snapshot
from envdoctor.report.model import Report


@click.command()
@output_options
@click.option("--python", metavar="PATH", help="The interpreter to examine. Default: the active environment's.")
@click.option("--quick", is_flag=True, help="Do not import torch, and do no work on the GPU.")
@click.option("--expect", type=Expect(), default="gpu", show_default=True, help="What torch is to run on here.")
@click.option(
    "--timeout",
    type=Seconds(1, 3600),
    metavar="SECONDS",
    help="For the whole examination; one probe gets a third of it, 20 s at most.  [default: 60; with --thorough 300]",
)
@click.option("--device", type=Device(), help="What to do the work on.  [default: every GPU that torch sees]")
@click.option(
    "--budget",
    type=Seconds(0, 600),
    default=8,
    show_default=True,
    metavar="SECONDS",
    help="For the work on a device: kernels and a training step. 0: none.",
)
@click.option("--thorough", is_flag=True, help="Also torch.compile, a memory test and a minute of load.")
@click.option(
    "--pid",
    type=click.IntRange(min=1),
    metavar="PID",
    help="Examine this running process, with the interpreter and the environment that it has (Linux). "
    "It is only looked at: no work is done.",
)
@click.option(
    "--watch",
    type=Seconds(0.2, 3600),
    metavar="SECONDS",
    help="With --pid: look again and again, each time for that long; Ctrl-C ends it with a report.",
)
@click.option(
    "--sysroot",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Judge the files of the system below this folder (an image, say); nothing of it is run.",
)
def command(
    as_json: bool,
    form: str,
    output: Path | None,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    fail_on: str,
    verbose: int,
    quiet: bool,
    python: str | None,
    quick: bool,
    expect: str | int,
    timeout: float | None,
    device: str | None,
    budget: float,
    thorough: bool,
    pid: int | None,
    watch: float | None,
    sysroot: Path | None,
) -> None:
    """Examine this machine and judge it.

    The first line is the answer: whether PyTorch uses the GPU here and, if not, the root cause.
    Nothing is changed, nothing is sent anywhere.

    Exit codes: 0 fine, 1 something is wrong, 2 wrong usage or envdoctor itself failed, 3 could not decide.
    """
    must_go_together()
    output = None if output == Path("-") else output
    on_path = python is None or os.sep not in python
    stand_somewhere({"--python": None if on_path else python, "--sysroot": sysroot, "-o": output})
    if output is not None:
        must_be_writable(output)
    if python is not None and sysroot is None:
        python = interpreter(python)
    timeout = timeout or (300.0 if thorough else 60.0)
    request = Request(
        python=python,
        quick=quick,
        probe_seconds=min(timeout / 3, 20.0),
        total_seconds=timeout,
        device=device,
        budget=budget,
        thorough=thorough,
        pid=pid,
        watch_seconds=min(timeout / 10, 3.0) if watch is None else min(watch, 3.0),
    )
    host = host_of(request, sysroot)
    ticker = Ticker(quiet=quiet)
    form = "json" if as_json else form
    report = examine(host, expectation(expect), ticker, form, only, skip)
    if watch is not None and not host.interrupted:
        from envdoctor.cli.watch import keep_watching

        report = keep_watching(host, report, watch, selected(only, skip), form if output is None else "json", quiet)
    try:
        deliver(text(report, form, output, verbose, quiet), output, exact=form == "json")
    except CannotWrite as error:
        from envdoctor.report.terminal import first_line

        raise CannotWrite(f"{error.message}\nWhat it would have said: {first_line(report)}") from error
    code = exit_code(report, fail_on)
    half_seen = host.interrupted and fail_on != "never"
    click.get_current_context().exit(UNDECIDED if code == FINE and half_seen else code)


def examine(
    host: LiveHost, expected: Fact, ticker: Ticker, form: str, only: tuple[str, ...], skip: tuple[str, ...]
) -> Report:
    """Look and judge, with the progress line on while the probes run."""
    from envdoctor.diagnose.plugins import load_checks
    from envdoctor.examine import judge, look, selection

    def meanwhile() -> None:
        ids = tuple(check.id for check in load_checks().checks)
        known_globs("--only", only, ids)
        known_globs("--skip", skip, ids)
        if form == "terminal":
            import envdoctor.report.terminal  # noqa: F401 - slow to import, so it is done while the probes run

    try:
        with interruptible(), contextlib.redirect_stdout(sys.stderr):  # plugins may print
            snapshot = look(host, (expected,), ticker if ticker.on else None, meanwhile)
    finally:
        ticker.clear()
    complain_of_interpreter(host, snapshot)
    return judge(snapshot, selection(only, skip))


def selected(only: tuple[str, ...], skip: tuple[str, ...]) -> Callable[[str], bool]:
    """The checks that ``--only`` and ``--skip`` leave."""
    from envdoctor.examine import selection

    return selection(only, skip)


def must_go_together() -> None:
    """Raise a usage error for options that contradict ``--pid``, or go with it only."""
    context = click.get_current_context()
    given = {
        name: value
        for name, value in context.params.items()
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    }
    if "pid" not in given:
        if "watch" in given:
            raise click.UsageError("--watch goes with --pid: it watches a running process.")
        return
    for name, why in NOT_WITH_PID.items():
        if name in given and (name != "budget" or given[name]):
            raise click.UsageError(f"--{name} does not go with --pid: {why}.")


NOT_WITH_PID = {
    "sysroot": "a process runs on this machine",
    "python": "the process's own interpreter is examined",
    "device": "no work is done beside a running process",
    "thorough": "no work is done beside a running process",
    "budget": "no work is done beside a running process",
}
"""Options to why they contradict ``--pid``."""


def host_of(request: Request, sysroot: Path | None) -> LiveHost:
    """The door to the machine, or to it as the process of ``--pid`` sees it. Raises a usage error for what is no process."""
    if request.pid is None:
        return LiveHost(request=request, sysroot=str(sysroot.resolve()) if sysroot else "/")
    from envdoctor.collect import process_host

    try:
        return process_host.host_of(request)
    except process_host.NoProcess as error:
        raise click.BadParameter(str(error), param_hint="--pid") from error


def expectation(expect: str | int) -> Expectation:
    """``--expect`` as a fact."""
    if isinstance(expect, int):
        return Expectation(device="gpu", gpus=expect)
    return Expectation(device="cpu" if expect == "cpu" else "gpu")


def interpreter(python: str) -> str:
    """The absolute path of ``--python``, looked up on PATH where it is a bare name. Raises a usage error for what is none."""
    from shutil import which

    from envdoctor.collect.interpreter import BadInterpreter, verify_interpreter

    if not python:
        raise click.BadParameter("it is empty", param_hint="--python")
    found = which(python) if os.sep not in python else None
    if found is None and os.sep not in python and not os.path.lexists(python):
        raise click.BadParameter(f"there is no {python} on PATH or in this folder", param_hint="--python")
    path = os.path.abspath(found or os.path.expanduser(python))
    try:
        verify_interpreter(path)
    except BadInterpreter as error:
        raise click.BadParameter(error.problem.detail, param_hint="--python") from error
    return path


def complain_of_interpreter(host: LiveHost, snapshot: Snapshot) -> None:
    """Raise a usage error where the interpreter that the user named turned out to be none."""
    problem = snapshot.problems.get("interpreter")
    if host.request.python is not None and problem is not None and problem.kind in ("failed", "absent", "denied"):
        raise click.BadParameter(problem.detail, param_hint="--python")


def text(report: Report, form: str, output: Path | None, verbose: int, quiet: bool) -> str:
    """The report in the format that was asked for."""
    if form == "json":
        from envdoctor.report.json import render as render_json

        return render_json(report)
    from envdoctor.report.terminal import first_line, render

    width, color, encoding = paper(output)
    if quiet:
        return first_line(report) + "\n"
    return render(report, width=width, color=color, verbose=verbose, encoding=encoding)
