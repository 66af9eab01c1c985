"""A table is a JSON file in data/, one row to a line: its date, and rows that each name their source."""

from __future__ import annotations

from pathlib import Path
from typing import Generic, TypeVar

import msgspec

R = TypeVar("R")

DATA = Path(__file__).parent / "data"


class Table(msgspec.Struct, Generic[R], frozen=True):
    """A table as it stands in its file."""

    date: str
    """When its rows were last compared with their sources, ISO 8601."""
    rows: tuple[R, ...]


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What every row has."""

    source: str
    """Where its values come from; tables that have one origin for all rows say it in each."""
    note: str | None = None


def read_table(name: str, kind: type[R]) -> Table[R]:
    """The table data/<name>.json, its rows decoded as `kind`. Raises msgspec.ValidationError for a row that does not fit."""
    return msgspec.json.decode((DATA / f"{name}.json").read_bytes(), type=Table[kind])  # type: ignore[valid-type]


def rows(name: str, kind: type[R]) -> tuple[R, ...]:
    """The rows of the table data/<name>.json."""
    return read_table(name, kind).rows


def write_table(name: str, table: Table[R]) -> None:
    """Write data/<name>.json, one row to a line with what it is of first, so that a difference reads as rows."""
    lines = []
    for row in table.rows:
        fields = msgspec.to_builtins(row)
        origin = {key: fields.pop(key) for key in ("note", "source") if key in fields}
        lines.append(msgspec.json.encode({**fields, **origin}).decode())
    text = f'{{"date": "{table.date}", "rows": [\n' + ",\n".join(lines) + "\n]}\n"
    (DATA / f"{name}.json").write_text(text, encoding="utf-8")
