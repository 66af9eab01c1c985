"""Which facts a function takes: collectors and checks are called with what their annotations name."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable
from typing import Any

from envdoctor.facts.base import Fact


def optional_fact(annotation: object) -> tuple[type[Fact], bool] | None:
    """The fact type of an annotation ``X`` or ``X | None`` and whether it is optional; None: it is no fact."""
    optional = False
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        members = [member for member in typing.get_args(annotation) if member is not types.NoneType]
        if len(members) != 1:
            return None
        annotation, optional = members[0], True
    if isinstance(annotation, type) and issubclass(annotation, Fact):
        return annotation, optional
    return None


def fact_parameters(function: Callable[..., Any]) -> tuple[dict[str, type[Fact]], dict[str, type[Fact]]]:
    """The fact parameters of a check or a collector: those it needs and those it only wants, by name."""
    hints = typing.get_type_hints(function)
    hints.pop("return", None)
    needs: dict[str, type[Fact]] = {}
    wants: dict[str, type[Fact]] = {}
    for name, annotation in hints.items():
        found = optional_fact(annotation)
        if found is not None:
            (wants if found[1] else needs)[name] = found[0]
    return needs, wants
