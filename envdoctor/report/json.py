"""A report as JSON, and the JSON Schema of it."""

from __future__ import annotations

from typing import Any

import msgspec

from envdoctor.report.model import Report, Written, written


def render(report: Report) -> str:
    """One JSON document, indented, ended by a newline."""
    document = written(report)
    try:
        encoded = msgspec.json.encode(document)
    except UnicodeEncodeError:
        encoded = msgspec.json.encode(_encodable(msgspec.to_builtins(document)))
    return msgspec.json.format(encoded, indent=2).decode() + "\n"


def _encodable(value: Any) -> Any:
    """The value with what is no Unicode (a path or a variable holding other bytes) written as ``\\udcff``."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encodable(item) for item in value]
    return value


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) that every report meets. The facts are open: plugins add theirs."""
    document: dict[str, Any] = msgspec.json.schema(Written)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "envdoctor report, version 1",
        **document,
    }
