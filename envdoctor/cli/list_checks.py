"""``envdoctor list``: the checks, one line each."""

from __future__ import annotations

import click

from envdoctor.cli.output import deliver


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON: id, summary, the facts it needs, where it comes from.")
def command(as_json: bool) -> None:
    """The checks that are installed, one line each, from the bottom of the stack up."""
    from envdoctor.diagnose.plugins import load_checks
    from envdoctor.diagnose.verdict import LAYERS

    loaded = load_checks()
    order = {area: index for index, area in enumerate(LAYERS)}
    checks = sorted(loaded.checks, key=lambda check: (order.get(check.area, len(order)), check.id))
    if as_json:
        import msgspec

        rows = [
            {
                "id": check.id,
                "summary": check.summary,
                "needs": [kind.fact_name() for kind in check.needs.values()],
                "from": check.party,
            }
            for check in checks
        ]
        deliver(msgspec.json.format(msgspec.json.encode(rows)).decode() + "\n", None, exact=True)
        return
    width = max((len(check.id) for check in checks), default=0)
    deliver("".join(f"{check.id:<{width}}  {check.summary}\n" for check in checks), None)
    for failure in loaded.failures:
        click.echo(f"{failure.title}. {failure.detail}", err=True)
