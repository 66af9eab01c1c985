"""The command line: parse, call, print, exit code. One file per command, imported only when it runs."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from typing import NoReturn

import click

from envdoctor import __version__
from envdoctor.cli.codes import FAILED, FINE, INTERRUPTED
from envdoctor.cli.process import hold_standard_streams

COMMANDS = {
    "check": ("envdoctor.cli.check", "Examine this machine and judge it."),
    "snapshot": ("envdoctor.cli.snapshot", "Write down the facts of this machine, to send to someone."),
    "triage": ("envdoctor.cli.triage", "Judge a report that somebody sent."),
    "list": ("envdoctor.cli.list_checks", "The checks, one line each."),
    "explain": ("envdoctor.cli.explain", "One page about a cause."),
    "schema": ("envdoctor.cli.schema", "The JSON Schema of the report."),
}
"""Name to the module that holds ``command``, and the line that ``--help`` shows without importing it."""


class Lazy(click.Group):
    """A group whose commands are imported when they are called: ``--help`` costs little more than click itself."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None: there is none."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of commands for ``--help``."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="envdoctor")
def group() -> None:
    """Will PyTorch use the GPU on this machine, and if not, what exactly is wrong and what mends it?

    Exit codes: 0 fine, 1 something is wrong, 2 wrong usage or envdoctor itself failed, 3 could not decide.
    """


def main() -> None:
    """The console script. It ends at once: a thread left behind in a probe that hangs must not hold up the end."""
    hold_standard_streams()
    try:
        _end(group.main(prog_name="envdoctor", standalone_mode=False) or FINE)
    except click.ClickException as error:
        _complain_of_usage(error)
    except (click.Abort, KeyboardInterrupt):
        _complain("Interrupted before there was anything to report.")
        _end(INTERRUPTED)
    except SystemExit:
        _end(FINE)  # click's way out when whoever reads --help has gone (EPIPE)
    except Exception as error:
        if os.environ.get("ENVDOCTOR_DEBUG"):
            raise
        _complain(f"envdoctor itself failed: {type(error).__name__}: {error} (ENVDOCTOR_DEBUG=1 shows where)")
    _end(FAILED)


def _complain(text: str) -> None:
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            click.echo(text, err=True)


def _complain_of_usage(error: click.ClickException) -> None:
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            error.show()


def _end(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            continue
    os._exit(code)
