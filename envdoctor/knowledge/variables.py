"""Environment variables that change how CUDA, torch, the loader or the host side behave."""

from __future__ import annotations

import functools

from envdoctor.knowledge.table import Row, rows


class VariableRow(Row, frozen=True, kw_only=True):
    """One variable, or all that share a prefix."""

    name: str
    """``CUDA_VISIBLE_DEVICES``; ``NCCL_*``: all that begin so and have no row of their own."""
    changes: str
    """What setting it changes, as a clause: "which GPUs a program sees"."""
    harmful: tuple[str, ...] = ()
    """Values that slow down, hide or break the GPU, in lower case; ``*``: any value."""
    effect: str | None = None
    """What a harmful value does, as a clause."""
    cause: str | None = None
    """The id that a harmful value is a case of."""


VARIABLES: tuple[VariableRow, ...] = rows("variables", VariableRow)


@functools.cache
def _by_name() -> dict[str, VariableRow]:
    return {row.name: row for row in VARIABLES}


def matters(name: str) -> VariableRow | None:
    """The row of a variable: its own, else that of its longest prefix; None: it does not matter here."""
    by_name = _by_name()
    if name in by_name:
        return by_name[name]
    prefixes = (by_name.get(name[:length] + "*") for length in range(len(name), 0, -1))
    return next((row for row in prefixes if row is not None), None)


def is_harmful(name: str, value: str) -> bool:
    """Whether the table knows this value to slow down, hide or break the GPU."""
    row = matters(name)
    return row is not None and ("*" in row.harmful or value.strip().lower() in row.harmful)
