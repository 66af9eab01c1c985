"""Every recorded machine end to end: snapshot in, verdict, findings and terminal text out, compared whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from envdoctor.examine import judge
from envdoctor.facts.codec import decode_snapshot, encode_snapshot
from envdoctor.report import json as json_report
from envdoctor.report.model import Report
from envdoctor.report.terminal import render

MACHINES = sorted(path.parent for path in (Path(__file__).parents[1] / "fixtures" / "machines").glob("*/snapshot.json"))


def examined(machine: Path) -> Report:
    return judge(decode_snapshot((machine / "snapshot.json").read_bytes()))


def golden(report: Report) -> dict[str, Any]:
    """What of a report is compared: the verdict, and each finding but for its evidence."""
    document = json.loads(json_report.render(report))
    keys = ("id", "severity", "title", "caused_by", "fix")
    return {
        "verdict": document["verdict"],
        "findings": [{key: finding[key] for key in keys} for finding in document["findings"]],
    }


@pytest.mark.parametrize("machine", MACHINES, ids=lambda path: path.name)
def test_verdict_and_text(machine: Path, rewrite_goldens: bool) -> None:
    report = examined(machine)
    text = render(report, width=100)
    if rewrite_goldens:
        (machine / "expected.json").write_text(json.dumps(golden(report), indent=1) + "\n")
        (machine / "expected.txt").write_text(text)
    assert golden(report) == json.loads((machine / "expected.json").read_text())
    assert text == (machine / "expected.txt").read_text()


@pytest.mark.parametrize(
    "machine", [path for path in MACHINES if path.name.startswith("healthy")], ids=lambda path: path.name
)
def test_a_healthy_machine_raises_no_alarm(machine: Path) -> None:
    report = examined(machine)
    assert (report.verdict.status, report.verdict.cause, report.verdict.gpu_usable) == ("ok", None, True)
    assert [finding.id for finding in report.findings if finding.severity != "info"] == []


@pytest.mark.parametrize("machine", MACHINES, ids=lambda path: path.name)
def test_the_report_meets_the_schema_and_no_check_breaks(machine: Path) -> None:
    report = examined(machine)
    jsonschema.Draft202012Validator(json_report.schema()).validate(json.loads(json_report.render(report)))
    assert [check for check in report.checks if check.status == "crashed"] == []


@pytest.mark.parametrize("machine", MACHINES, ids=lambda path: path.name)
def test_the_snapshot_survives_the_round_trip(machine: Path) -> None:
    snapshot = decode_snapshot((machine / "snapshot.json").read_bytes())
    assert decode_snapshot(encode_snapshot(snapshot)) == snapshot
    assert (machine / "about.md").read_text().strip()
