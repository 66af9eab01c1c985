"""Options that several commands share, and what they turn into."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("terminal", "json")
FAIL_ON = ("error", "warning", "never")


def output_options(function: F) -> F:
    """How the report is printed, and what makes the exit code 1."""
    for option in reversed(
        (
            click.option("--json", "as_json", is_flag=True, help="The same as --format json."),
            click.option("--format", "form", type=click.Choice(FORMATS), default="terminal", show_default=True),
            click.option(
                "-o",
                "--output",
                type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
                help="Write the report to this file; -: stdout.",
            ),
            click.option("--only", multiple=True, metavar="GLOB", help="Run these checks only, such as 'driver.*'."),
            click.option("--skip", multiple=True, metavar="GLOB", help="Leave these checks out."),
            click.option(
                "--fail-on",
                type=click.Choice(FAIL_ON),
                default="error",
                show_default=True,
                help="Exit with 1 from this severity on; never: exit with 0 whatever is found.",
            ),
            click.option("-v", "--verbose", count=True, help="Everything that was seen."),
            click.option("-q", "--quiet", is_flag=True, help="The first line only."),
        )
    ):
        function = option(function)
    return function


class Expect(click.ParamType[Any]):
    """``gpu``, ``cpu``, or a number of GPUs."""

    name = "gpu|cpu|N"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Literal["gpu", "cpu"] | int:
        """The word or the number. Raises a usage error for anything else."""
        if value in ("gpu", "cpu") or isinstance(value, int):
            expected: Literal["gpu", "cpu"] | int = value
            return expected
        if str(value).isdecimal() and 0 < int(value) < 1000:
            return int(value)
        raise click.BadParameter(f"{value!r} is neither 'gpu' nor 'cpu' nor a number of GPUs", ctx, param)


class Seconds(click.ParamType[Any]):
    """A number of seconds within a range."""

    name = "SECONDS"

    def __init__(self, least: float, most: float) -> None:
        self.least, self.most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds. Raises a usage error for what is no number of them, NaN included."""
        try:
            seconds = float(value)
        except ValueError:
            seconds = float("nan")
        if not self.least <= seconds <= self.most:
            wanted = f"a number of seconds from {self.least:g} to {self.most:g}"
            raise click.BadParameter(f"{value!r} is not {wanted}", ctx, param)
        return seconds


class Device(click.ParamType[Any]):
    """``cpu``, ``cuda``, or ``cuda:N``."""

    name = "cpu|cuda|cuda:N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The device as torch names it. Raises a usage error for anything else."""
        kind, _, ordinal = str(value).partition(":")
        if value in ("cpu", "cuda") or (kind == "cuda" and ordinal.isdecimal() and len(ordinal) < 4):
            return str(value)
        raise click.BadParameter(f"{value!r} is neither 'cpu' nor 'cuda' nor 'cuda:N'", ctx, param)


def known_globs(option: str, globs: tuple[str, ...], ids: tuple[str, ...]) -> None:
    """Raise a usage error that names a glob which no check's id matches."""
    from fnmatch import fnmatchcase

    for glob in globs:
        if not any(fnmatchcase(id, glob) for id in ids):
            raise click.BadParameter(f"no check is called {glob!r}; see 'envdoctor list'", param_hint=option)
