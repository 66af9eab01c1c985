"""For authors of checks: judge facts by one check, without a machine."""

from __future__ import annotations

from envdoctor.diagnose.api import Check
from envdoctor.diagnose.run import Outcome, run_check
from envdoctor.facts import Fact, Snapshot, Source


def snapshot_of(*facts: Fact) -> Snapshot:
    """A snapshot in which just these facts are known."""
    return Snapshot(created="2026-01-01T00:00:00Z", source=Source(), facts={fact.fact_name(): fact for fact in facts})


def judge(check: str | Check, *facts: Fact) -> Outcome:
    """What a check (or the installed check of that id) makes of these facts. Raises KeyError for an id there is not.

    >>> judge("driver.version-mismatch", KernelModule(...), Nvml(...)).findings
    """
    if isinstance(check, str):
        from envdoctor.diagnose.plugins import load_checks

        check = load_checks().by_id()[check]
    return run_check(check, snapshot_of(*facts))
