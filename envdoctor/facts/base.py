"""What every fact has in common: it is frozen, keeps its sources, and says "unknown" as ``None``."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

import msgspec


class Evidence(msgspec.Struct, frozen=True):
    """One observation that a finding rests on."""

    source: str
    """Where it was read: a path, a function, ``report line 12``."""
    value: str


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was seen. A field that is ``None`` means that nobody could look; "known to be absent" is said in the value."""

    default_source: ClassVar[str] = ""
    """The source of a field that `sources` does not name."""

    sources: dict[str, str] = {}
    """Field name to where its value was read."""

    @classmethod
    def fact_name(cls) -> str:
        """The key of this fact in a snapshot: the class name in snake case."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()

    def source(self, field: str) -> str:
        """Where the value of `field` was read."""
        return self.sources.get(field) or self.default_source or self.fact_name()

    def says(self, field: str, value: object | None = None) -> Evidence:
        """The value of `field` (or `value` in its place, where a shorter form reads better) as evidence."""
        seen = getattr(self, field) if value is None else value
        source = self.source(field)
        # A bare number says little without the name of what was read, where its source is only that of the whole fact.
        if isinstance(seen, int | float | None) and source in (self.default_source, self.fact_name()):
            source = f"{source} {field}"
        return Evidence(source, in_words(seen))


def in_words(seen: object) -> str:
    """A fact's value as a person writes it."""
    if seen is None:
        return "unknown"
    if isinstance(seen, bool):
        return "yes" if seen else "no"
    if isinstance(seen, tuple):
        return ", ".join(map(in_words, seen)) or "none"
    return str(seen)


ProblemKind = Literal["absent", "denied", "timeout", "crashed", "failed", "skipped"]


INTERRUPTED = "interrupted"
"""How the detail of a `Problem` begins where the user put an end to the looking: its kind is ``skipped``."""


NOT_WITH_PID = "not done with --pid: it would disturb the process"
"""The detail of a `Problem` where a running process is examined: its kind is ``skipped``."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a fact is unknown."""

    kind: ProblemKind
    """absent: what would tell is not installed; denied: no right to look; timeout: it never answered;
    crashed: a signal or exit ended the child that looked; failed: anything else; skipped: the user asked not to look."""
    detail: str
    """One line for a person."""
    stage: str | None = None
    """The last stage that a child reached."""
    signal: str | None = None
    """``SIGSEGV`` and so on, where a signal ended the child."""
    frame: str | None = None
    """The last Python frame, ``file:line in function``, where one was seen."""
    party: str | None = None
    """The distribution at fault, where it is a plugin's."""
