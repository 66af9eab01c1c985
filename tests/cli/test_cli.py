from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from envdoctor.cli import group


def envdoctor(*arguments: str) -> Result:
    return CliRunner().invoke(group, arguments)


def test_help_names_every_command_and_the_exit_codes() -> None:
    result = envdoctor("--help")
    assert result.exit_code == 0
    for word in ("check", "list", "explain", "schema", "Exit codes"):
        assert word in result.output


def test_list_says_what_each_check_is_about() -> None:
    lines = envdoctor("list").output.splitlines()
    assert any(line.startswith("hardware.fewer-gpus ") for line in lines)
    assert len(lines) == len(json.loads(envdoctor("list", "--json").output))


def test_explain_prints_the_page() -> None:
    result = envdoctor("explain", "hardware.fewer-gpus")
    assert result.exit_code == 0
    assert result.output.startswith("hardware.fewer-gpus\n")
    assert "How to confirm it by hand:" in result.output


def test_schema_is_json() -> None:
    assert "verdict" in json.dumps(json.loads(envdoctor("schema").output))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("frobnicate",), "frobnicate"),
        (("check", "--frobnicate"), "--frobnicate"),
        (("explain", "driver.version-mismatched"), "driver.version-mismatched"),
        (("check", "--expect", "tpu"), "tpu"),
        (("check", "--timeout", "0"), "'0' is not a number of seconds from 1 to 3600"),
        (("check", "--timeout", "nan"), "'nan' is not a number of seconds"),
        (("check", "--timeout", "soon"), "'soon' is not a number of seconds"),
        (("check", "--budget", "nan"), "'nan' is not a number of seconds"),
        (("check", "--sysroot", "/no/such/folder"), "/no/such/folder"),
        (("check", "--python", "/no/such/python"), "/no/such/python"),
        (("check", "--python", "/usr"), "/usr"),
        (("check", "--python", "/etc/hostname"), "/etc/hostname"),
        (("check", "--python", ""), "it is empty"),
        (("check", "--python", "no-such-python"), "there is no no-such-python on PATH"),
        (("check", "--python", "~nobody-of-that-name/python"), "~nobody-of-that-name"),
        (("check", "-o", "/no/such/folder/report"), "there is no folder /no/such/folder"),
        (("check", "-o", ""), "it is a folder"),
        (("check", "--format", "yaml"), "yaml"),
    ],
)
def test_bad_input_is_named_and_exits_2(arguments: tuple[str, ...], named: str) -> None:
    result = envdoctor(*arguments)
    assert result.exit_code == 2
    assert named in result.output
    assert "Traceback" not in result.output


def test_a_glob_that_matches_no_check_is_named(tmp_path: Path) -> None:
    result = envdoctor("check", "--quick", "--sysroot", str(tmp_path), "--only", "nothing.*")
    assert result.exit_code == 2
    assert "nothing.*" in result.output


def test_an_empty_sysroot_is_undecided_not_broken(tmp_path: Path) -> None:
    result = envdoctor("check", "--json", "--sysroot", str(tmp_path))
    document = json.loads(result.stdout)
    assert document["source"]["kind"] == "sysroot"
    assert (result.exit_code, document["verdict"]["status"], document["verdict"]["cause"]) == (3, "unknown", None)


def test_the_report_goes_to_a_file(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    out = tmp_path / "report.json"
    result = envdoctor("check", "--sysroot", str(tmp_path / "root"), "--json", "-o", str(out))
    assert result.output == ""
    assert json.loads(out.read_text())["schema"] == "envdoctor.report/1"


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    result = envdoctor("check", "--sysroot", str(tmp_path / "root"), "-o", str(tmp_path / "none" / "report"))
    assert result.exit_code == 2
    assert "none/report" in result.output


def test_quiet_is_one_line(tmp_path: Path) -> None:
    output = envdoctor("check", "--sysroot", str(tmp_path), "-q").output
    assert output.startswith("UNKNOWN: ")
    assert output.count("\n") == 1


def test_never_fails_exits_with_0(tmp_path: Path) -> None:
    assert envdoctor("check", "--sysroot", str(tmp_path), "--fail-on", "never").exit_code == 0


@pytest.mark.parametrize("redirect", [">&-", "2>&-", ">&- 2>&-", "| true", ">/dev/full"])
def test_a_stdout_that_is_gone_makes_no_traceback(redirect: str, tmp_path: Path) -> None:
    command = f"{sys.executable} -m envdoctor check -v --sysroot {tmp_path} {redirect}"
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in result.stderr
    assert "Exception ignored" not in result.stderr


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "mps", "cuda:1234"])
def test_a_device_that_is_none_is_named(device: str) -> None:
    result = envdoctor("check", "--device", device)
    assert result.exit_code == 2
    assert device in result.output
