"""Whole broken machines, live: the installed program against the fake driver and a stand-in for torch, in a private namespace."""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from envdoctor.report.json import schema
from ill_cards import ILL, SILENT
from machines import CASES
from parts import PLACE, Case
from sandbox import possible, run

pytestmark = [pytest.mark.root, pytest.mark.skipif(not possible(), reason="needs root and overlay mounts")]


def examine(case: Case, builds: Path, work: Path) -> tuple[dict[str, Any], int, float]:
    """Run `envdoctor check --json` on the machine: the report, the exit code, the seconds."""
    site = builds / case.torch if case.torch else None
    if site is not None and case.break_torch is not None:
        copy = work / "torch"
        shutil.copytree(site, copy)
        case.break_torch(copy)
        site = copy
    places = {"@torch": str(site), "@work": str(work / "work"), "@driver:": str(builds / "driver")}
    environ = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LANG": "C.UTF-8",
    }
    environ |= {"PYTHONPATH": str(site)} if site is not None else {}
    for name, value in case.environ.items():
        for mark, place in places.items():
            value = value.replace(mark, place)
        environ[name] = value.replace("@", f"{builds}/")
    environ |= case.driver
    # The interpreter itself has no torch: what is on PYTHONPATH is all there is.
    command = [sys.executable, "-m", "envdoctor", "check", "--json", "--python", "/usr/bin/python3", *case.options]
    begun = time.monotonic()
    command[1:1] = ["-E"]  # our own interpreter is not to see the examined one's PYTHONPATH
    result = run(case.machine, builds / "driver", command, environ)
    seconds = time.monotonic() - begun
    assert result.stdout.startswith("{"), result.stderr[-3000:]
    assert "Traceback" not in result.stderr
    return json.loads(result.stdout), result.returncode, seconds


@pytest.mark.parametrize("case", (*CASES, *ILL), ids=lambda case: case.name)
def test_the_cause_is_named(case: Case, builds: Path) -> None:
    work = PLACE / "work" / case.name.replace(" ", "-").replace(",", "").replace("/", "-")
    work.mkdir(parents=True)
    report, code, seconds = examine(case, builds, work)
    verdict = report["verdict"]
    found = [(finding["id"], finding["title"], finding["caused_by"]) for finding in report["findings"]]
    assert verdict["cause"] == case.cause, found
    assert tuple(verdict["also"]) == case.also, found
    assert verdict["status"] == (case.status or ("broken" if case.cause else "ok")), found
    assert code == case.expected_exit
    if case.gpu is not None:
        assert {f["gpu"] for f in report["findings"] if f["severity"] != "info"} == {case.gpu}, found
    told = {f["id"] for f in report["findings"] if f["severity"] == "info"}
    assert told >= set(case.notes), found
    if case in SILENT:
        assert {id for id in told if id.startswith(("gpu.", "driver.", "nccl."))} == set(case.notes), found
    assert seconds < 12
    assert all(len(finding["title"]) <= 100 for finding in report["findings"])
    assert not [check for check in report["checks"] if check["status"] == "crashed"]
    jsonschema.Draft202012Validator(schema()).validate(report)
