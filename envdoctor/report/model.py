"""The report: what every format prints. As JSON it is the contract ``envdoctor.report/1``."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from envdoctor import __version__
from envdoctor.diagnose.api import Finding
from envdoctor.diagnose.asks import asks
from envdoctor.diagnose.measured import Measurement, measurements
from envdoctor.diagnose.run import CheckResult
from envdoctor.diagnose.verdict import Verdict
from envdoctor.facts import Probe, Snapshot, Source, Work
from envdoctor.facts.codec import facts_as_json

SCHEMA: Final = "envdoctor.report/1"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one examination found."""

    created: str
    """UTC, ISO 8601."""
    source: Source
    verdict: Verdict
    findings: tuple[Finding, ...]
    checks: tuple[CheckResult, ...]
    snapshot: Snapshot

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """What was measured."""
        return measurements(self.snapshot.get(Work))

    def causes(self) -> tuple[Finding, ...]:
        """The findings that the verdict names, its cause first."""
        named = (self.verdict.cause, *self.verdict.also)
        return tuple(
            finding for id in named for finding in self.findings if finding.id == id and finding.severity != "info"
        )


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON form of a report, key by key."""

    schema: Literal["envdoctor.report/1"]
    envdoctor: str
    """The version that wrote it."""
    created: str
    source: Source
    verdict: Verdict
    findings: tuple[Finding, ...]
    checks: tuple[CheckResult, ...]
    probes: tuple[Probe, ...]
    measurements: tuple[Measurement, ...]
    facts: dict[str, Any]
    ask: tuple[str, ...] = ()
    """Of a pasted report that leaves the verdict open: the commands whose output would decide."""


def written(report: Report) -> Written:
    """A report in its JSON form."""
    return Written(
        schema=SCHEMA,
        envdoctor=__version__,
        created=report.created,
        source=report.source,
        verdict=report.verdict,
        findings=report.findings,
        checks=report.checks,
        probes=report.snapshot.probes,
        measurements=report.measurements,
        facts=facts_as_json(report.snapshot.facts),
        ask=asks(report.snapshot, report.verdict),
    )
