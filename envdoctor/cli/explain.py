"""``envdoctor explain ID``: one page about a cause."""

from __future__ import annotations

import difflib

import click

from envdoctor.cli.output import deliver


@click.command()
@click.argument("id")
def command(id: str) -> None:
    """One page about a cause: what it means, how to confirm it by hand, ways out, what it is mistaken for."""
    from envdoctor.diagnose.plugins import load_checks

    checks = load_checks().by_id()
    check = checks.get(id)
    if check is None:
        near = difflib.get_close_matches(id, checks, 3) or [known for known in checks if id in known][:5]
        hint = f"; did you mean {', '.join(near)}?" if near else "; see 'envdoctor list'"
        raise click.BadParameter(f"there is no check {id!r}{hint}", param_hint="ID")
    needs = ", ".join(kind.fact_name() for kind in check.needs.values()) or "no fact in particular"
    wants = ", ".join(kind.fact_name() for kind in check.wants.values())
    footer = f"Judges: {needs}" + (f" (and, where known, {wants})" if wants else "")
    deliver(f"{check.id}\n{'=' * len(check.id)}\n\n{check.doc}\n\n{footer}\nFrom: {check.party}\n", None)
