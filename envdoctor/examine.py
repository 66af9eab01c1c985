"""One examination from end to end: collect, judge, decide. The commands and the tests both come through here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from fnmatch import fnmatchcase

import msgspec

from envdoctor.collect.host import Host
from envdoctor.collect.run import Progress, begin
from envdoctor.diagnose.api import Check, Finding, Fix
from envdoctor.diagnose.plugins import load_checks, load_collectors
from envdoctor.diagnose.run import CheckResult, run_checks
from envdoctor.diagnose.said import findings_of
from envdoctor.diagnose.verdict import decide, expected, mark_echoes
from envdoctor.facts import Fact, Interpreter, ProbeDeaths, Process, Snapshot, Source
from envdoctor.report.model import Report

Selection = Callable[[str], bool]
"""Whether the check of that id is to run."""


def selection(only: Sequence[str] = (), skip: Sequence[str] = ()) -> Selection:
    """A selection by globs: those that match one of `only` (all, where it is empty) and none of `skip`."""

    def wanted(id: str) -> bool:
        return (not only or any(fnmatchcase(id, glob) for glob in only)) and not any(
            fnmatchcase(id, glob) for glob in skip
        )

    return wanted


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def look(
    host: Host,
    given: Sequence[Fact] = (),
    progress: Progress | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> Snapshot:
    """Collect every fact of `host`. `given` are facts that the user states (what is expected);
    `meanwhile` is called while the probes run: what is slow to import costs nothing then."""
    run = begin(host, load_collectors().collectors)
    try:
        load_checks()
        meanwhile()
        collected = run.wait(progress)
    except BaseException:
        run.abandon()
        raise
    facts = {**collected.facts, **{fact.fact_name(): fact for fact in given}}
    interpreter = facts.get(Interpreter.fact_name())
    python = interpreter.path if isinstance(interpreter, Interpreter) else host.request.python
    process = facts.get(Process.fact_name())
    return Snapshot(
        created=now(),
        source=Source(
            kind="live" if host.live else "sysroot",
            python=python,
            pid=host.request.pid,
            name=process.name if isinstance(process, Process) else None,
        ),
        facts=facts,
        problems=collected.problems,
        probes=tuple(collected.probes),
    )


def look_again(host: Host, before: Snapshot, progress: Progress | None = None) -> Snapshot:
    """The running process once more, the machine and its environment as they were seen `before`."""
    watching = tuple(collector for collector in load_collectors().collectors if collector.when == "with --pid")
    names = {kind.fact_name() for collector in watching for kind in collector.facts}
    kept = {name: fact for name, fact in before.facts.items() if name not in names}
    collected = begin(host, watching, kept).wait(progress)
    known = {name: problem for name, problem in before.problems.items() if name not in names}
    deaths = ProbeDeaths.fact_name()
    again = {probe.name: probe for probe in collected.probes}
    return msgspec.structs.replace(
        before,
        created=now(),
        facts={**collected.facts, **({deaths: kept[deaths]} if deaths in kept else {})},
        problems={**known, **collected.problems},
        probes=tuple(again.get(probe.name, probe) for probe in before.probes),
    )


def judge(snapshot: Snapshot, wanted: Selection | None = None) -> Report:
    """Run the installed checks (those `wanted`) over a snapshot and decide."""
    wanted = wanted or selection()
    loaded, collectors = load_checks(), load_collectors()
    outcomes = run_checks((check for check in loaded.checks if wanted(check.id)), snapshot)
    left_out = [_not_selected(check) for check in loaded.checks if not wanted(check.id)]
    found = [finding for outcome in outcomes for finding in outcome.findings]
    if snapshot.source.kind == "text":
        said = (finding for finding in findings_of(snapshot, found) if wanted(finding.id))
        found += (with_way_out(finding, loaded.by_id().get(finding.id)) for finding in said)
    broken_plugins = dict.fromkeys((*loaded.failures, *collectors.failures))
    findings = mark_echoes(expected((*found, *broken_plugins), snapshot), loaded.by_id())
    return Report(
        created=snapshot.created,
        source=snapshot.source,
        verdict=decide(findings, snapshot),
        findings=findings,
        checks=(*(outcome.result for outcome in outcomes), *left_out),
        snapshot=snapshot,
    )


def with_way_out(finding: Finding, check: Check | None) -> Finding:
    """A finding that only a message stands for, with the way out that the page of its cause gives."""
    _, heading, rest = (check.doc if check is not None else "").partition("Ways out:\n")
    paragraph = " ".join(rest.partition("\n\n")[0].split())
    if not heading or not paragraph:
        return finding
    return msgspec.structs.replace(finding, fix=(Fix(paragraph[:300]), *finding.fix))


def _not_selected(check: Check) -> CheckResult:
    return CheckResult(id=check.id, status="skipped", reason="not selected")
