"""``envdoctor schema``: the JSON Schema of the report."""

from __future__ import annotations

import json

import click

from envdoctor.cli.output import deliver


@click.command()
def command() -> None:
    """The JSON Schema that every ``envdoctor check --json`` document meets."""
    from envdoctor.report.json import schema

    deliver(json.dumps(schema(), indent=2) + "\n", None, exact=True)
