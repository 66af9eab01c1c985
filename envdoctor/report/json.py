"""A report as JSON, and the JSON Schema of it."""

from __future__ import annotations

from typing import Any

import msgspec

from envdoctor.report.model import Report, Written, written


def render(report: Report) -> str:
    """One JSON document, indented, ended by a newline."""
    return msgspec.json.format(msgspec.json.encode(written(report)), indent=2).decode() + "\n"


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) that every report meets. The facts are open: plugins add theirs."""
    document: dict[str, Any] = msgspec.json.schema(Written)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "envdoctor report, version 1",
        **document,
    }
