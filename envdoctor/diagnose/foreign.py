"""Call what a third party wrote: it may loop for ever, end the process politely, or raise anything."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 5.0
"""Seconds that one plugin may take to be imported, or one of its checks to judge. Ours take milliseconds."""

T = TypeVar("T")


class Late(Exception):
    """It did not come back. Its (daemon) thread is left behind."""


def within(seconds: float, function: Callable[[], T]) -> T:
    """What `function` returns; what it prints goes to stderr, for stdout is the report's. Raises what it raises; Late where it takes longer than `seconds`;
    RuntimeError where it tries to end the process."""
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(function())
        except BaseException as error:  # noqa: BLE001 - handed on to the caller, which is one of the three seams
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    with contextlib.redirect_stdout(sys.stderr):
        thread.start()
        thread.join(seconds)
    if results:
        return results[0]
    if not errors:
        raise Late(f"it did not come back within {seconds:g} s")
    if isinstance(errors[0], Exception):
        raise errors[0]
    raise RuntimeError(f"it tried to end the process: {type(errors[0]).__name__} {errors[0]}".rstrip())
