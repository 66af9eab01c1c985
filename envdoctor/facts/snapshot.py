"""All that was seen of one machine."""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec

from envdoctor.facts.base import Fact, Problem

F = TypeVar("F", bound=Fact)

ProbeStatus = Literal["ok", "absent", "denied", "failed", "timeout", "crashed", "skipped"]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What was examined."""

    kind: Literal["live", "text", "snapshot", "sysroot"] = "live"
    python: str | None = None
    pid: int | None = None
    name: str | None = None


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """How one collector fared."""

    name: str
    status: ProbeStatus
    detail: str | None = None
    seconds: float = 0.0


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Facts by name, and for each fact that is missing the reason."""

    created: str
    """UTC, ISO 8601."""
    source: Source
    facts: dict[str, Fact] = {}
    problems: dict[str, Problem] = {}
    probes: tuple[Probe, ...] = ()

    def get(self, kind: type[F]) -> F | None:
        """The fact of that type; None: it is unknown, and `problems` may say why."""
        fact = self.facts.get(kind.fact_name())
        return fact if isinstance(fact, kind) else None
