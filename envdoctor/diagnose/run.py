"""Run checks over a snapshot. A check that cannot look is skipped, one that breaks is report data; neither is passed."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable
from typing import Literal

import msgspec

from envdoctor.diagnose.api import BUILT_IN, Check, Finding
from envdoctor.diagnose.foreign import PATIENCE, within
from envdoctor.facts import Fact, Problem, Snapshot

MOST = 1000
"""Findings of one check that are taken: the rest of a generator without end is not waited for."""

TITLE = 100
"""Characters of a title; what is longer is cut."""

CheckStatus = Literal["passed", "failed", "skipped", "crashed"]


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one check ended. passed: it could look and found nothing (or only notes)."""

    id: str
    status: CheckStatus
    reason: str | None = None
    seconds: float = 0.0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A check's result with what it found."""

    result: CheckResult
    findings: tuple[Finding, ...] = ()


def unknown_reason(check: Check, snapshot: Snapshot) -> str | None:
    """Why `check` cannot look at `snapshot`; None: it can."""
    missing = [kind.fact_name() for kind in check.needs.values() if snapshot.get(kind) is None]
    if missing:
        return "; ".join(f"{name} is unknown{_because(snapshot.problems.get(name))}" for name in missing)
    for alternatives in check.fields:
        if not any(_known(check, snapshot, path) for path in alternatives.split("|")):
            return f"{alternatives.replace('|', ' or ')} is unknown"
    return None


def _because(problem: Problem | None) -> str:
    return f" ({problem.detail})" if problem is not None else ""


def _known(check: Check, snapshot: Snapshot, path: str) -> bool:
    parameter, _, name = path.partition(".")
    fact = snapshot.get({**check.needs, **check.wants}[parameter])
    return fact is not None and getattr(fact, name) is not None


def run_check(check: Check, snapshot: Snapshot) -> Outcome:
    """Judge `snapshot` by one check. Whatever the check raises becomes a result that names the party at fault."""
    begun = time.perf_counter()

    def result(status: CheckStatus, reason: str | None = None) -> CheckResult:
        return CheckResult(id=check.id, status=status, reason=reason, seconds=round(time.perf_counter() - begun, 6))

    reason = unknown_reason(check, snapshot)
    if reason is not None:
        return Outcome(result=result("skipped", reason))
    facts: dict[str, Fact | None] = {name: snapshot.get(kind) for name, kind in {**check.needs, **check.wants}.items()}

    def judged() -> tuple[Finding, ...]:
        return tuple(_named(check, found) for found in itertools.islice(check.judge(**facts), MOST))

    try:
        findings = judged() if check.party == BUILT_IN else within(PATIENCE, judged)
    except Exception as error:  # noqa: BLE001 - one of the three seams: a check that breaks is report data
        return Outcome(result=result("crashed", f"{check.party}: {type(error).__name__}: {error}"))
    failed = any(found.severity != "info" for found in findings)
    return Outcome(result=result("failed" if failed else "passed"), findings=findings)


def _named(check: Check, found: object) -> Finding:
    if not isinstance(found, Finding):
        raise TypeError(f"it yielded {type(found).__name__}, not a Finding")
    if check.party != BUILT_IN:
        found = msgspec.convert(msgspec.to_builtins(found), Finding)
    # What a finding quotes can be of any length: a title is one line on a terminal all the same.
    title = found.title if len(found.title) <= TITLE else found.title[: TITLE - 1] + "…"
    return msgspec.structs.replace(found, id=check.id, title=title)


def run_checks(checks: Iterable[Check], snapshot: Snapshot) -> tuple[Outcome, ...]:
    """Judge `snapshot` by every check, in order."""
    return tuple(run_check(check, snapshot) for check in checks)
