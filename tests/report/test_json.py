from __future__ import annotations

import json

import jsonschema
import pytest

from envdoctor.diagnose.api import Finding
from envdoctor.diagnose.testing import snapshot_of
from envdoctor.examine import judge, selection
from envdoctor.facts import Expectation, Nvml
from envdoctor.report.json import render, schema


def test_a_report_meets_its_schema_and_says_what_the_contract_says() -> None:
    document = json.loads(render(judge(snapshot_of(Nvml(device_count=1), Expectation(gpus=8)))))
    jsonschema.Draft202012Validator(schema()).validate(document)
    assert document["schema"] == "envdoctor.report/1"
    assert document["verdict"]["cause"] == "hardware.fewer-gpus"
    assert document["findings"][0]["evidence"][0] == {"source": "--expect gpus", "value": "8"}
    assert document["facts"]["nvml"]["device_count"] == 1
    assert set(document) >= {"created", "source", "checks", "probes", "measurements"}


def test_the_schema_refuses_another_status() -> None:
    document = json.loads(render(judge(snapshot_of())))
    document["verdict"]["status"] = "fine"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema()).validate(document)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_what_is_not_selected_is_skipped_not_passed() -> None:
    report = judge(snapshot_of(Nvml(device_count=1), Expectation(gpus=8)), selection(skip=("hardware.*",)))
    result = next(check for check in report.checks if check.id == "hardware.fewer-gpus")
    assert (result.status, result.reason) == ("skipped", "not selected")
    assert not any(isinstance(finding, Finding) and finding.id == "hardware.fewer-gpus" for finding in report.findings)
