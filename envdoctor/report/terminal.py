"""A report for a person: the verdict first, then what is wrong, what is unknown, and the stack on one screen."""

from __future__ import annotations

import io
from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from envdoctor.diagnose.api import Finding
from envdoctor.report.model import Report
from envdoctor.report.stack import stack
from envdoctor.report.text import one_line, plain, safe

STATUS = {"ok": "OK", "degraded": "DEGRADED", "broken": "BROKEN", "unknown": "UNKNOWN"}
STYLE = {"ok": "bold green", "degraded": "bold yellow", "broken": "bold red", "unknown": "bold magenta"}
SEVERITY_STYLE = {"error": "red", "warning": "yellow", "info": "cyan"}


def first_line(report: Report) -> str:
    """The verdict in at most 80 characters: the ids of its causes, then what clashes."""
    verdict = report.verdict
    ids = " + ".join(id for id in (verdict.cause, *verdict.also) if id)
    if len(ids) > 50:
        ids = f"{verdict.cause} + {len(verdict.also)} more" if verdict.also else ids
    named = report.causes()
    text = named[0].title if named else verdict.summary
    return one_line(f"{STATUS[verdict.status]}{' ' if ids else ''}{ids}: {text}", 80)


def render(report: Report, *, width: int = 80, color: bool = False, verbose: int = 0, encoding: str = "utf-8") -> str:
    """The whole report as text, `width` columns wide, in characters that `encoding` has."""
    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=color,
        no_color=not color,
        color_system="standard" if color else None,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    head, _, rest = first_line(report).partition(":")
    console.print(Text.assemble((head, STYLE[report.verdict.status]), ":", rest), soft_wrap=True)
    for part in _parts(report, verbose):
        console.print(part, soft_wrap=isinstance(part, Command))
    return plain("\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n", encoding)


class Command(Text):
    """A line to copy: never wrapped."""


def _parts(report: Report, verbose: int) -> Iterator[RenderableType]:
    named = report.causes()
    if named:
        yield Text()
        for finding in named:
            yield from _finding(finding, full=True)
    echoes = [finding for finding in report.findings if finding.caused_by is not None]
    if echoes:
        yield Text("\nWhat follows from it", style="bold")
        yield from (_echo(finding) for finding in echoes)
    others = [finding for finding in report.findings if finding.caused_by is None and finding not in named]
    if others:
        yield Text("\nAlso seen", style="bold")
        for finding in others:
            yield from _finding(finding, full=verbose > 0 or finding.severity != "info")
    yield from _unknown(report, verbose)
    yield Text("\nThe stack", style="bold")
    yield _stack_table(report)
    if verbose:
        from envdoctor.report.details import details

        yield from details(report)
    yield Text()
    yield Text(_closing(report, verbose), style="dim")
    if report.verdict.cause:
        yield Command(f"envdoctor explain {report.verdict.cause} tells more", style="dim")


def _finding(finding: Finding, *, full: bool) -> Iterator[RenderableType]:
    mark = {"error": "✗", "warning": "!", "info": "•"}[finding.severity]
    where = f" (GPU {finding.gpu})" if finding.gpu is not None else ""
    style = SEVERITY_STYLE[finding.severity]
    yield Text.assemble((f"{mark} {finding.id}{where}", style), "  ", safe(finding.title))
    if not full:
        return
    if finding.detail:
        yield Padding(Text(safe(finding.detail)), (0, 0, 0, 2))
    for item in finding.evidence:
        yield Padding(Text(f"{safe(item.source)} = {one_line(item.value, 300)}", style="dim"), (0, 0, 0, 4))
    for fix in finding.fix:
        yield Padding(Text.assemble(("fix: ", "bold"), safe(fix.text)), (0, 0, 0, 2))
        if fix.command:
            yield Command(f"    $ {safe(fix.command)}", style="bold")


def _echo(finding: Finding) -> RenderableType:
    text = Text.assemble(f"{finding.id}  ", safe(finding.title), (f"  [because of {finding.caused_by}]", "dim"))
    return Padding(text, (0, 0, 0, 2))


def _unknown(report: Report, verbose: int) -> Iterator[RenderableType]:
    lost = [probe for probe in report.snapshot.probes if probe.status not in ("ok", "skipped", "absent")]
    if not lost:
        return
    yield Text("\nCould not be looked at", style="bold")
    for probe in lost:
        text = Text.assemble((f"{probe.name}: {probe.status}", "magenta"), "  ", safe(probe.detail or ""))
        yield Padding(text, (0, 0, 0, 2))


def _stack_table(report: Report) -> Table:
    table = Table(box=None, pad_edge=False, show_header=True, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("")
    table.add_column("built for")
    table.add_column("found")
    table.add_column("where", overflow="fold", style="dim")
    for row in stack(report.snapshot):
        table.add_row(*(Text(safe(cell)) for cell in row))
    return table


def _closing(report: Report, verbose: int) -> str:
    counts = dict.fromkeys(("passed", "failed", "skipped", "crashed"), 0)
    for check in report.checks:
        counts[check.status] += 1
    parts = [f"{count} {status}" for status, count in counts.items() if count]
    hint = "" if verbose else "; -v shows everything"
    return f"{len(report.checks)} checks: {', '.join(parts)}{hint}"
