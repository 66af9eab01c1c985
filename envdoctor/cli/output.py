"""Where a command's text goes, and how wide and colourful it may be."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import NamedTuple

import click

from envdoctor.cli.codes import FAILED
from envdoctor.report.text import plain


class Paper(NamedTuple):
    """What the output can show."""

    width: int
    color: bool
    encoding: str


def paper(output: Path | None) -> Paper:
    """The paper that a report is printed on: a file, a pipe (80 columns, no colour) or a terminal.

    NO_COLOR and TERM=dumb turn colour off, FORCE_COLOR turns it on (no-color.org).
    """
    if output is not None:
        return Paper(80, False, "utf-8")
    terminal = sys.stdout is not None and sys.stdout.isatty()
    color = terminal and os.environ.get("TERM") != "dumb"
    if os.environ.get("FORCE_COLOR") or os.environ.get("CLICOLOR_FORCE"):
        color = True
    if os.environ.get("NO_COLOR"):
        color = False
    width = max(min(_columns(), 120), 40) if terminal else 80
    return Paper(width, color, getattr(sys.stdout, "encoding", None) or "utf-8")


def _columns() -> int:
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80


class CannotWrite(click.ClickException):
    """The report was made and cannot be written."""

    exit_code = FAILED


def must_be_writable(output: Path) -> None:
    """Raise a usage error for an ``-o`` that can be seen to be none, before a minute is spent on what could not be written."""
    folder = output.parent
    problem = None
    if not folder.is_dir():
        problem = f"there is no folder {folder}"
    elif output.is_dir():
        problem = "it is a folder"
    elif not os.access(output if output.exists() else folder, os.W_OK):
        problem = "no right to write there, or a read-only file system"
    if problem is not None:
        raise click.BadParameter(f"cannot write {output}: {problem}", param_hint="-o")


def deliver(text: str, output: Path | None, *, exact: bool = False) -> None:
    """Write a report to `output`, or to stdout: there in the characters that its encoding has or, where it must stay `exact` (JSON), in UTF-8.
    Raises CannotWrite (a full disk); a stdout that is closed or left by its reader is no error."""
    if output is not None:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CannotWrite(f"cannot write {output}: {error.strerror}") from error
        return
    if sys.stdout is None:
        return
    try:
        if exact and hasattr(sys.stdout, "buffer"):
            sys.stdout.buffer.write(text.encode())
        else:
            sys.stdout.write(plain(text, sys.stdout.encoding or "utf-8"))
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still in the buffer must not fail a second time
        if isinstance(error, OSError) and error.errno not in (errno.EPIPE, errno.EBADF):
            raise CannotWrite(f"cannot write to stdout: {error.strerror}") from error


class Ticker:
    """One line on stderr that says what is still at work; only on a terminal, and gone at the end."""

    def __init__(self, *, quiet: bool) -> None:
        self.on = not quiet and sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def __call__(self, pending: tuple[str, ...]) -> None:
        """Show what is still at work."""
        self._write(f"examining: {', '.join(pending)}"[: _columns() - 1])

    def clear(self) -> None:
        """Wipe the line."""
        self._write("")

    def _write(self, line: str) -> None:
        if self.on:
            try:
                sys.stderr.write(f"\r\x1b[2K{line}")
                sys.stderr.flush()
            except OSError:  # the terminal has gone
                self.on = False
