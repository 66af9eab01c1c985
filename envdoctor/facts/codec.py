"""Snapshots as JSON and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from envdoctor.facts import BUILTIN_FACTS, Fact, Probe, Problem, Snapshot, Source

SCHEMA = "envdoctor.snapshot/1"


class _Written(msgspec.Struct, kw_only=True):
    """A snapshot as it stands in a file: the facts are decoded once their types are known."""

    schema: str
    created: str
    source: Source
    facts: dict[str, msgspec.Raw]
    problems: dict[str, Problem] = {}
    probes: tuple[Probe, ...] = ()


class BadSnapshot(ValueError):
    """A file that is no snapshot of ours, or of a version that we cannot read."""


def facts_as_json(facts: dict[str, Fact]) -> dict[str, Any]:
    """Facts as plain JSON values, fields that hold their default left out."""
    return {name: msgspec.to_builtins(fact) for name, fact in facts.items()}


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """A snapshot as indented JSON, UTF-8, ended by a newline."""
    written = {
        "schema": SCHEMA,
        "created": snapshot.created,
        "source": snapshot.source,
        "facts": facts_as_json(snapshot.facts),
        "problems": snapshot.problems,
        "probes": snapshot.probes,
    }
    return msgspec.json.format(msgspec.json.encode(written), indent=1) + b"\n"


def decode_snapshot(data: bytes, more_facts: Iterable[type[Fact]] = ()) -> Snapshot:
    """Read a snapshot. Facts of unknown names (a plugin's that is not installed) are left out. Raises BadSnapshot."""
    kinds = {kind.fact_name(): kind for kind in (*BUILTIN_FACTS, *more_facts)}
    try:
        written = msgspec.json.decode(data, type=_Written)
        if written.schema != SCHEMA:
            raise BadSnapshot(f"schema {written.schema!r} is not {SCHEMA!r}")
        facts: dict[str, Fact] = {
            name: msgspec.json.decode(raw, type=kinds[name]) for name, raw in written.facts.items() if name in kinds
        }
    except msgspec.MsgspecError as error:
        raise BadSnapshot(f"not a snapshot: {error}") from error
    return Snapshot(
        created=written.created, source=written.source, facts=facts, problems=written.problems, probes=written.probes
    )
