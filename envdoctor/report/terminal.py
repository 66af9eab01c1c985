"""A report for a person: the verdict first, then what is wrong, what is unknown, and the stack on one screen."""

from __future__ import annotations

import io
from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from envdoctor.diagnose.api import Finding
from envdoctor.diagnose.asks import asks
from envdoctor.diagnose.measured import judged
from envdoctor.facts import INTERRUPTED, NOT_WITH_PID, Messages, Probe, Reading, Work
from envdoctor.report.measured import compared, summary
from envdoctor.report.model import Report
from envdoctor.report.running import lines as process_lines
from envdoctor.report.stack import stack
from envdoctor.report.table import stack_lines
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
    for part in _parts(report, verbose, width):
        console.print(part, soft_wrap=isinstance(part, Command))
    return plain("\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n", encoding)


class Command(Text):
    """A line to copy: never wrapped."""


def _parts(report: Report, verbose: int, width: int) -> Iterator[RenderableType]:
    named = report.causes()
    if named:
        yield Text()
        for finding in named:
            yield from _finding(finding, full=True)
    echoes = [finding for finding in report.findings if finding.caused_by is not None]
    if echoes:
        yield Text("\nWhat follows from it", style="bold")
        yield from (_echo(finding, report.verdict.cause) for finding in echoes)
    others = [finding for finding in report.findings if finding.caused_by is None and finding not in named]
    if others:
        yield Text("\nAlso seen", style="bold")
        for finding in others:
            yield from _finding(finding, full=verbose > 0 or finding.severity != "info")
    yield from _unknown(report)
    yield from _process(report)
    yield from _measured(report)
    yield from _read(report)
    yield Text("\nThe stack", style="bold")
    yield from stack_lines(stack(report.snapshot), width)
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
    yield _hanging(f"{mark} ", Text.assemble((f"{finding.id}{where}", style), "  ", safe(finding.title)), style)
    if not full:
        return
    if finding.detail:
        yield Padding(Text(safe(finding.detail)), (0, 0, 0, 2))
    for item in finding.evidence:
        yield _hanging("    ", Text(f"{safe(item.source)} = {one_line(item.value, 300)}", style="dim"))
    for fix in finding.fix:
        yield _hanging("  fix: ", Text(safe(fix.text)), "bold")
        if fix.command:
            yield Command(f"    $ {safe(fix.command)}", style="bold")


def _echo(finding: Finding, cause: str | None) -> RenderableType:
    because = "" if finding.caused_by == cause else f"  [because of {finding.caused_by}]"
    return _hanging("  ", Text.assemble(f"{finding.id}  ", safe(finding.title), (because, "dim")))


def _unknown(report: Report) -> Iterator[RenderableType]:
    """What nobody could look at; what was left out on purpose or is not installed only where the verdict is open for it."""
    crashed = [check for check in report.checks if check.status == "crashed"]
    lost = [probe for probe in report.snapshot.probes if _is_lost(probe, report.verdict.status == "unknown")]
    if not lost and not crashed:
        return
    yield Text("\nCould not be looked at", style="bold")
    reasons: dict[str, list[str]] = {}
    for probe in lost:
        reasons.setdefault(probe.detail or probe.status, []).append(probe.name.replace("_", " "))
    for reason, names in reasons.items():
        yield _lost(", ".join(names), reason)
    for check in crashed:
        yield _lost(f"check {check.id} crashed", check.reason or "")


def _read(report: Report) -> Iterator[RenderableType]:
    """What a pasted report was found to hold, where it contradicts itself, and what to ask its sender for."""
    reading = report.snapshot.get(Reading)
    if reading is None:
        return
    kinds = [f"{kind} (line {line})" for kind, line in reading.recognised.items()]
    messages = report.snapshot.get(Messages)
    count = len(messages.messages) if messages is not None else 0
    kinds += [f"{count} known message{'s' * (count > 1)}"] if count else []
    yield Text("\nRecognised", style="bold")
    yield _hanging("  ", Text(safe(", ".join(kinds) or "nothing")))
    for contradiction in reading.contradictions[:5]:
        yield _hanging("  contradictory: ", Text(safe(contradiction)), "yellow")
    for command in asks(report.snapshot, report.verdict):
        yield _hanging("  ask for the output of: ", Text(command, style="bold"))


def _process(report: Report) -> Iterator[RenderableType]:
    """The running process that was examined."""
    told = tuple(process_lines(report.snapshot))
    if told:
        yield Text("\nThe process", style="bold")
        yield from (_hanging("  ", Text(safe(line))) for line in told)


def _measured(report: Report) -> Iterator[RenderableType]:
    """What the work showed, one line to a device, and what it could not show: that has not passed, it was not looked at."""
    work = report.snapshot.get(Work)
    if work is None:
        return
    yield Text("\nMeasured", style="bold")
    for line in summary(work):
        yield _hanging("  ", Text(safe(line)))
    if any(map(compared, judged(work))):
        yield _hanging("  ", Text("(%: of what a healthy GPU of this model reaches)", style="dim"))
    if work.not_covered:
        yield _hanging("  not covered: ", Text(", ".join(work.not_covered)), "dim")


def _is_lost(probe: Probe, undecided: bool) -> bool:
    if probe.status == "ok":
        return False
    detail = probe.detail or ""
    if probe.status in ("skipped", "absent"):
        expected = detail.endswith("is unknown") or detail == NOT_WITH_PID
        return detail.startswith(INTERRUPTED) or (undecided and not expected)
    return True


def _lost(what: str, why: str) -> RenderableType:
    return _hanging("  ", Text.assemble((f"{safe(what)}: ", "magenta"), safe(why)))


def _hanging(mark: str, text: Text, style: str = "") -> Table:
    """The text behind a mark, its further lines as far to the right as its first."""
    grid = Table.grid()
    grid.add_column(width=len(mark))
    grid.add_column(overflow="fold")
    grid.add_row(Text(mark, style), text)
    return grid


def _closing(report: Report, verbose: int) -> str:
    counts = dict.fromkeys(("passed", "failed", "skipped", "crashed"), 0)
    for check in report.checks:
        counts[check.status] += 1
    parts = [f"{count} {status}" for status, count in counts.items() if count]
    hint = "" if verbose else "; -v shows everything"
    return f"{len(report.checks)} checks: {', '.join(parts)}{hint}"
