"""``envdoctor triage``: judge a report that somebody sent."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import click

from envdoctor.cli.codes import exit_code
from envdoctor.cli.options import known_globs, output_options
from envdoctor.cli.output import deliver, paper
from envdoctor.facts import Snapshot

MOST = 64 << 20
"""Bytes of a report that are read."""


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True))
@output_options
def command(
    file: Path,
    as_json: bool,
    form: str,
    output: Path | None,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    fail_on: str,
    verbose: int,
    quiet: bool,
) -> None:
    """Judge a report that somebody sent.

    FILE is pasted text (an issue, a log, an environment dump, a table of nvidia-smi) or a snapshot of `envdoctor snapshot`; - reads
    standard input. The first line is the cause.

    Exit codes: 0 fine, 1 something is wrong, 2 wrong usage or envdoctor itself failed, 3 could not decide.
    """
    from envdoctor.diagnose.plugins import load_checks
    from envdoctor.examine import judge, selection

    ids = tuple(check.id for check in load_checks().checks)
    known_globs("--only", only, ids)
    known_globs("--skip", skip, ids)
    report = judge(snapshot_of(read(file), file), selection(only, skip))
    if as_json or form == "json":
        from envdoctor.report.json import render as render_json

        deliver(render_json(report), output, exact=True)
    else:
        from envdoctor.report.terminal import first_line, render

        width, color, encoding = paper(output)
        text = (
            first_line(report) + "\n"
            if quiet
            else render(report, width=width, color=color, verbose=verbose, encoding=encoding)
        )
        deliver(text, output)
    click.get_current_context().exit(exit_code(report, fail_on))


def read(file: Path) -> bytes:
    """The bytes of the file, or of standard input. Raises a usage error where they cannot be had, or there are none."""
    try:
        if str(file) == "-":
            data = sys.stdin.buffer.read(MOST) if sys.stdin is not None else b""
        else:
            with file.open("rb") as stream:
                data = stream.read(MOST)
    except OSError as error:
        raise click.BadParameter(f"cannot read {file}: {error.strerror}", param_hint="FILE") from error
    if not data.strip():
        raise click.BadParameter(f"{'standard input' if str(file) == '-' else file} is empty", param_hint="FILE")
    return data


def snapshot_of(data: bytes, file: Path) -> Snapshot:
    """A snapshot as it was written, or what a text tells. Raises a usage error for a snapshot that cannot be read."""
    from envdoctor.examine import now
    from envdoctor.facts.codec import SCHEMA, BadSnapshot, decode_snapshot
    from envdoctor.read.text import read_text

    if data.lstrip()[:1] == b"{" and SCHEMA.encode() in data[:4096]:
        try:
            return decode_snapshot(data)
        except BadSnapshot as error:
            raise click.BadParameter(f"{file}: {error}", param_hint="FILE") from error
    text = decode(data)
    pasted = pasted_snapshot(text)
    return pasted if pasted is not None else read_text(text, now(), None if str(file) == "-" else str(file))


def pasted_snapshot(text: str) -> Snapshot | None:
    """A snapshot amid other text, as it stands in an issue; None: there is none, or it is not whole."""
    from envdoctor.facts.codec import SCHEMA, BadSnapshot, decode_snapshot

    begin = re.search(rf'\{{\s*"schema"\s*:\s*"{re.escape(SCHEMA)}"', text) if SCHEMA in text else None
    if begin is None:
        return None
    try:
        _, end = json.JSONDecoder().raw_decode(text, begin.start())
        return decode_snapshot(text[begin.start() : end].encode())
    except (ValueError, RecursionError, BadSnapshot):
        return None


def decode(data: bytes) -> str:
    """Text in whatever it was saved as: UTF-8, UTF-16 with a mark (PowerShell's redirection), else with bytes replaced."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8", "replace")
