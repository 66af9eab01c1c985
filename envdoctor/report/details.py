"""What ``-v`` adds to the terminal report: every library, variable, probe and check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from envdoctor.facts import (
    Environment,
    LoadedLibraries,
    LoadedLibrary,
    Messages,
    Process,
    ProcessLibraries,
    ProcessLibrary,
    ProcessStack,
    Stage,
    TorchRuntime,
    Work,
)
from envdoctor.knowledge.variables import matters
from envdoctor.report.measured import table
from envdoctor.report.model import Report
from envdoctor.report.text import one_line, safe


def details(report: Report) -> Iterator[RenderableType]:
    """The sections, in order; those with nothing in them are left out."""
    snapshot = report.snapshot
    runtime, loaded = snapshot.get(TorchRuntime), snapshot.get(LoadedLibraries)
    environment, messages = snapshot.get(Environment), snapshot.get(Messages)
    stages = runtime.stages if runtime else ()
    yield from _section("Importing torch", ("stage", "status", "seconds", "said"), map(_stage, stages))
    yield from _section(
        "Loaded libraries",
        ("library", "version", "owner; why the loader took it; file"),
        ((x.name, x.version, _where(x)) for x in (loaded.libraries if loaded else ())),
    )
    process, mapped = snapshot.get(Process), snapshot.get(ProcessLibraries)
    yield from _section(
        "Libraries in the process",
        ("library", "version", "owner; how the version is known; file"),
        ((x.name, x.version, _mapped(x)) for x in (mapped.libraries if mapped else ())),
    )
    yield from _section(
        "Threads of the process",
        ("thread", "name", "processors", "state", "waits in"),
        (
            (str(x.tid), x.name, f"{x.cpu:.2f}" if x.cpu is not None else "", x.state, x.wait_channel)
            for x in (process.threads if process else ())
        ),
    )
    stack = snapshot.get(ProcessStack)
    yield from _section(
        "Where its Python stands",
        ("thread", "innermost first"),
        ((x.thread, " < ".join(x.frames[:12])) for x in (stack.threads if stack else ())),
    )
    work = snapshot.get(Work)
    header = ("device", "what", "value", "expected", "numbers", "")
    yield from _section("Measured", header, map(tuple, table(work)) if work is not None else ())
    variables = environment.variables if environment else {}
    yield from _section(
        "Environment variables that matter",
        ("variable", "value; what it changes"),
        map(_variable, sorted(variables.items())),
    )
    yield from _section(
        "Messages", ("row", "text"), ((m.key, one_line(m.text, 200)) for m in (messages.messages if messages else ()))
    )
    probes = ((p.name, p.status, f"{p.seconds:.3f}", p.detail) for p in snapshot.probes)
    yield from _section("Probes", ("probe", "status", "seconds", ""), probes)
    checks = ((c.id, c.status, c.reason) for c in report.checks)
    yield from _section("Checks", ("check", "status", ""), checks)


def _mapped(library: ProcessLibrary) -> str:
    known = "; ".join(part for part in (library.owner, library.version_by) if part)
    return f"{known}\n{library.path}{' (deleted)' * library.deleted}"


def _variable(item: tuple[str, str]) -> tuple[str, str]:
    """Two lines, since either may be long."""
    name, value = item
    row = matters(name)
    return name, value + (f"\n{row.changes}" if row is not None else "")


def _where(library: LoadedLibrary) -> str:
    """Two lines: the path is what one copies, so it stands by itself."""
    return "; ".join(part for part in (library.owner, library.reason) if part) + f"\n{library.path}"


def _stage(stage: Stage) -> tuple[str | None, ...]:
    seconds = "" if stage.seconds is None else f"{stage.seconds:.3f}"
    said = " ".join(part for part in (stage.signal, stage.frame, stage.error) if part)
    return stage.name, stage.status, seconds, one_line(said, 300)


def _section(title: str, header: tuple[str, ...], rows: Iterable[tuple[str | None, ...]]) -> Iterator[RenderableType]:
    grid = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in header:
        grid.add_column(name, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(safe(cell or "")) for cell in row))
    if grid.row_count:
        yield Text(f"\n{title}", style="bold")
        yield grid
