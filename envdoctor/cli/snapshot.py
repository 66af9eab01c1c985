"""``envdoctor snapshot``: the facts of this machine, to send to someone."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import click

from envdoctor.cli.check import interpreter
from envdoctor.cli.output import Ticker, deliver, must_be_writable
from envdoctor.collect.host import LiveHost
from envdoctor.collect.request import Request
from envdoctor.report.redact import Owner


@click.command()
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file.")
@click.option("--python", metavar="PATH", help="The interpreter to examine. Default: the active environment's.")
@click.option("--quick", is_flag=True, help="Do not import torch, and do no work on the GPU.")
@click.option("--timeout", type=click.FloatRange(1, 3600), default=60, show_default=True, metavar="SECONDS")
@click.option("--raw", is_flag=True, help="Leave names, addresses and serials in: for your own eyes.")
def command(output: Path | None, python: str | None, quick: bool, timeout: float, raw: bool) -> None:
    """Write down the facts of this machine, to send to someone.

    Judged by `envdoctor triage FILE`, which gives the verdict that `envdoctor check` gives here. User and host names, home folders,
    addresses, serial numbers, GPU uuids and tokens are replaced; what was replaced is listed at the end and in the file.
    """
    from envdoctor.cli.process import interruptible
    from envdoctor.examine import look
    from envdoctor.facts import Expectation, Redaction
    from envdoctor.facts.codec import encode_snapshot
    from envdoctor.report.redact import redact

    if output is not None:
        must_be_writable(output)
    if python is not None:
        python = interpreter(python)
    request = Request(python=python, quick=quick, probe_seconds=min(timeout / 3, 20.0), total_seconds=timeout)
    ticker = Ticker(quiet=False)
    try:
        with interruptible():
            snapshot = look(LiveHost(request=request), (Expectation(device="gpu"),), ticker if ticker.on else None)
    finally:
        ticker.clear()
    if not raw:
        snapshot = redact(snapshot, owner())
    deliver(encode_snapshot(snapshot).decode(), output, exact=True)
    redaction = snapshot.get(Redaction)
    if redaction is not None and sys.stderr is not None:
        removed = ", ".join(f"{kind} {count}×" for kind, count in redaction.removed.items()) or "nothing"
        click.echo(f"Replaced or removed: {removed}.", err=True)


def owner() -> Owner:
    """Who this machine belongs to, as far as it knows."""
    import pwd

    try:
        entry = pwd.getpwuid(os.getuid())
        user, home = entry.pw_name, os.environ.get("HOME") or entry.pw_dir
    except KeyError:
        user, home = os.environ.get("USER", ""), os.environ.get("HOME", "")
    return Owner(user=user, host=socket.gethostname().partition(".")[0], home=home.rstrip("/"))
