"""What a collector is: a function from the host, and facts that it builds on, to one fact or several."""

from __future__ import annotations

import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, overload

from envdoctor.facts import Fact
from envdoctor.facts.signature import fact_parameters

F = TypeVar("F", bound=Callable[..., Any])

When = Literal["always", "not with --pid", "with --pid"]
"""not with --pid: it works in the environment (imports torch, loads the GPU), which would disturb a process that is running."""


@dataclass(frozen=True, kw_only=True)
class Collector:
    """A collector as the scheduler sees it. Its parameters after the host are facts: it runs once they are there."""

    name: str
    run: Callable[..., Fact | tuple[Fact, ...]]
    facts: tuple[type[Fact], ...]
    """What it returns."""
    needs: dict[str, type[Fact]]
    """Facts it cannot do without, by parameter name."""
    wants: dict[str, type[Fact]]
    """Facts it takes where they are known (``X | None``), by parameter name."""
    quick: bool
    """Whether it also runs with ``--quick``."""
    first: bool
    """Started before all others: it waits for the slowest child."""
    when: When = "always"
    party: str = "torch-envdoctor"
    """The distribution it comes from."""


def make_collector(function: Callable[..., Any], *, quick: bool, first: bool, when: When = "always") -> Collector:
    """Read a collector's needs and results off its annotations. Raises TypeError where it returns no fact."""
    result = typing.get_type_hints(function).get("return")
    members = typing.get_args(result) if typing.get_origin(result) is tuple else (result,)
    if not members or not all(isinstance(member, type) and issubclass(member, Fact) for member in members):
        raise TypeError(f"collector {function.__module__}.{function.__qualname__} must return a Fact, not {result}")
    needs, wants = fact_parameters(function)
    return Collector(
        name=function.__name__,
        run=function,
        facts=members,
        needs=needs,
        wants=wants,
        quick=quick,
        first=first,
        when=when,
    )


@overload
def collector(function: F) -> F: ...
@overload
def collector(*, quick: bool = ..., first: bool = ..., when: When = ...) -> Callable[[F], F]: ...
def collector(
    function: F | None = None, *, quick: bool = True, first: bool = False, when: When = "always"
) -> F | Callable[[F], F]:
    """Mark a function as a collector. It stays callable as it was; the loader finds the mark."""

    def mark(function: F) -> F:
        function.__envdoctor_collector__ = make_collector(function, quick=quick, first=first, when=when)  # type: ignore[attr-defined]
        return function

    return mark if function is None else mark(function)
