"""Plugins through a real entry point: whatever they do, the report is whole and names them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

CHECK = '''
from envdoctor.diagnose.api import Finding, check
from envdoctor.facts import Expectation
{top}
@check("{id}")
def judge(expectation: Expectation):
    """A check of the site."""
    {body}
    yield Finding(title="rack 1 against rack 2", severity="warning")
'''


def with_plugin(tmp_path: Path, text: str, *arguments: str, group: str = "checks") -> subprocess.CompletedProcess[str]:
    (tmp_path / "root").mkdir()
    (tmp_path / "site_plugin.py").write_text(textwrap.dedent(text))
    metadata = tmp_path / "site_plugin-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: site-plugin\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[envdoctor.{group}]\nsite = site_plugin\n")
    path = os.pathsep.join([str(tmp_path), *(path for path in sys.path if path)])
    command = [sys.executable, "-m", "envdoctor", *(arguments or ("check", "--json", "--sysroot", f"{tmp_path}/root"))]
    environ = {**os.environ, "PYTHONPATH": path}
    return subprocess.run(command, capture_output=True, text=True, env=environ, check=False, timeout=60)


def report(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert "Traceback" not in result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    assert len(document["checks"]) > 50
    return document


@pytest.mark.parametrize(
    ("top", "says"),
    [
        ("raise RuntimeError('no rack')", "no rack"),
        ("import no_such_module_anywhere", "no_such_module_anywhere"),
        ("raise SystemExit(0)", "it tried to end the process: SystemExit 0"),
        ("def broken(:", "invalid syntax"),
        pytest.param("while True: pass", "did not come back within 5 s", marks=pytest.mark.slow),
    ],
)
def test_a_plugin_that_fails_to_load_is_a_finding_that_names_it(top: str, says: str, tmp_path: Path) -> None:
    document = report(with_plugin(tmp_path, CHECK.format(top=top, id="site.rack", body="")))
    [finding] = [finding for finding in document["findings"] if finding["id"] == "plugin.load-failed"]
    assert "site-plugin" in finding["title"]
    assert says in finding["detail"]
    assert document["verdict"]["cause"] is None


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise ValueError('no rack')", "site-plugin: ValueError: no rack"),
        ("raise SystemExit(0)", "it tried to end the process"),
        ("yield 3", "it yielded int, not a Finding"),
        ("yield Finding(title=3)", "Expected `str`, got `int`"),
        ("yield Finding(title=object())", "unsupported"),
        pytest.param("while True: pass", "did not come back within 5 s", marks=pytest.mark.slow),
    ],
)
def test_a_check_that_breaks_is_said_to_have_crashed(body: str, says: str, tmp_path: Path) -> None:
    document = report(with_plugin(tmp_path, CHECK.format(top="", id="site.rack", body=body)))
    [check] = [check for check in document["checks"] if check["id"] == "site.rack"]
    assert check["status"] == "crashed"
    assert says in check["reason"]


def test_a_check_that_crashed_is_named_on_the_terminal(tmp_path: Path) -> None:
    text = CHECK.format(top="", id="site.rack", body="raise ValueError('no rack')")
    result = with_plugin(tmp_path, text, "check", "--sysroot", str(tmp_path / "root"))
    assert "check site.rack crashed: site-plugin: ValueError: no rack" in result.stdout


def test_findings_without_end(tmp_path: Path) -> None:
    body = "while True: yield Finding(title='again', severity='info')"
    document = report(with_plugin(tmp_path, CHECK.format(top="", id="site.rack", body=body)))
    assert len([finding for finding in document["findings"] if finding["id"] == "site.rack"]) == 1000


def test_what_a_plugin_prints_is_not_part_of_the_report(tmp_path: Path) -> None:
    text = CHECK.format(top="print('loaded')", id="site.rack", body="print('judging')")
    result = with_plugin(tmp_path, text)
    assert "site.rack" in {finding["id"] for finding in report(result)["findings"]}
    assert {"loaded", "judging"} <= set(result.stderr.split())


def test_the_id_of_a_built_in_check_stays_its_own(tmp_path: Path) -> None:
    document = report(with_plugin(tmp_path, CHECK.format(top="", id="driver.hung", body="")))
    [finding] = [finding for finding in document["findings"] if finding["id"] == "plugin.load-failed"]
    assert finding["title"] == "Check driver.hung of site-plugin has the id of one of torch-envdoctor"


def test_what_is_no_check_is_passed_over(tmp_path: Path) -> None:
    assert report(with_plugin(tmp_path, "judge = 3"))["verdict"]["status"] == "unknown"


def test_list_and_explain_know_a_plugin(tmp_path: Path) -> None:
    text = CHECK.format(top="print('loaded')", id="site.rack", body="")
    result = with_plugin(tmp_path, text, "explain", "site.rack")
    assert result.stdout.startswith("site.rack\n=========\n")
    assert "From: site-plugin" in result.stdout


@pytest.mark.parametrize(
    ("body", "kind", "says"),
    [
        ("raise SystemExit(0)", "failed", "SystemExit"),
        ("return None", "failed", "it returned NoneType, not a Fact"),
        ("return System(kernel=object())", "failed", "unsupported"),
    ],
)
def test_a_collector_that_breaks_is_a_problem_of_its_own(body: str, kind: str, says: str, tmp_path: Path) -> None:
    text = f"""
    from envdoctor.collect.api import collector
    from envdoctor.collect.host import Host
    from envdoctor.facts import Fact, System

    class Rack(Fact):
        \"\"\"A rack.\"\"\"

    @collector
    def rack(host: Host) -> Rack:
        \"\"\"The rack.\"\"\"
        {body}
    """
    document = report(with_plugin(tmp_path, text, group="collectors"))
    [probe] = [probe for probe in document["probes"] if probe["name"] == "rack"]
    assert probe["status"] == kind
    assert says in probe["detail"]
