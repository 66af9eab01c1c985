from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from envdoctor.cli import group

if TYPE_CHECKING:
    from conftest import FakeDriver

TEXT = (
    "RuntimeError: The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver\n"
)


def envdoctor(*arguments: str, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(group, arguments, input=given)


def test_the_cause_is_the_first_line_and_the_exit_code() -> None:
    result = envdoctor("triage", "-", given=TEXT)
    assert result.output.startswith("BROKEN cuda.driver-too-old: ")
    assert result.exit_code == 1


def test_a_file_and_its_json(tmp_path: Path) -> None:
    file = tmp_path / "report.txt"
    file.write_text(TEXT)
    document = json.loads(envdoctor("triage", str(file), "--json").stdout)
    assert document["source"] == {"kind": "text", "python": None, "pid": None, "name": str(file)}
    assert document["verdict"]["cause"] == "cuda.driver-too-old"
    assert document["ask"] == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
def test_whatever_it_was_saved_as(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "report.txt"
    file.write_bytes(TEXT.encode(encoding))
    assert "cuda.driver-too-old" in envdoctor("triage", str(file), "-q").output


def test_an_open_verdict_says_what_to_ask_for() -> None:
    result = envdoctor("triage", "-", given=">>> torch.cuda.is_available()\nFalse\n")
    assert result.exit_code == 3
    assert "ask for the output of: python -m torch.utils.collect_env" in result.output
    document = json.loads(envdoctor("triage", "-", "--json", given="it does not work").stdout)
    assert document["ask"] == ["python -m torch.utils.collect_env"]


def test_a_healthy_dump_is_fine() -> None:
    text = "PyTorch version: 2.5.1+cu124\nIs CUDA available: True\nGPU models and configuration: GPU 0: NVIDIA L4\nNvidia driver version: 560.35.03\n"
    result = envdoctor("triage", "-", given=text)
    assert (result.exit_code, result.output.split("\n")[0]) == (0, "OK: torch 2.5.1+cu124 can use the GPU")


@pytest.mark.parametrize(
    ("arguments", "given", "named"),
    [
        (("triage", "/no/such/file"), None, "/no/such/file"),
        (("triage", "/"), None, "/"),
        (("triage", "-"), "", "standard input is empty"),
        (("triage", "-"), "  \n ", "standard input is empty"),
        (("triage",), None, "FILE"),
        (("triage", "-", "--only", "nothing.*"), TEXT, "nothing.*"),
        (("triage", "-"), '{"schema": "envdoctor.snapshot/1", "facts": 7}', "not a snapshot"),
    ],
)
def test_bad_input_is_named_and_exits_2(arguments: tuple[str, ...], given: str | None, named: str) -> None:
    result = envdoctor(*arguments, given=given)
    assert result.exit_code == 2
    assert named in result.output
    assert "Traceback" not in result.output


def test_a_snapshot_has_the_verdict_of_the_machine(tmp_path: Path) -> None:
    machines = Path(__file__).resolve().parents[2] / "fixtures" / "machines"
    for name in ("module-not-loaded", "healthy-8-gpus"):
        expected = json.loads((machines / name / "expected.json").read_text())
        document = json.loads(envdoctor("triage", str(machines / name / "snapshot.json"), "--json").stdout)
        assert document["verdict"]["cause"] == expected["verdict"]["cause"] if "verdict" in expected else True


def test_snapshot_and_triage_agree_with_check(tmp_path: Path) -> None:
    file = tmp_path / "snapshot.json"
    written = envdoctor("snapshot", "--quick", "-o", str(file))
    assert written.exit_code == 0, written.output
    live = json.loads(envdoctor("check", "--quick", "--json").stdout)
    sent = json.loads(envdoctor("triage", str(file), "--json").stdout)
    assert sent["verdict"]["cause"] == live["verdict"]["cause"]
    assert sent["facts"]["redaction"] is not None


def test_what_a_sick_card_says_of_itself_leads_to_the_same_cause(fake_driver: FakeDriver, tmp_path: Path) -> None:
    sick = {
        "STUB_GPU_COUNT": "8",
        "STUB_THROTTLE_3": "0x48",
        "STUB_PCIE_WIDTH_3": "1",
        "STUB_ECC": "1",
        "STUB_REMAP_3": "0,1,1,0",
    }
    printed = subprocess.run(
        [fake_driver.bin / "nvidia-smi", "-q"], env={**os.environ, **sick}, capture_output=True, text=True, check=True
    ).stdout
    file = tmp_path / "nvidia-smi.txt"
    file.write_text(printed)
    report = json.loads(envdoctor("triage", str(file), "--json").output)
    assert {finding["gpu"] for finding in report["findings"] if finding["severity"] != "info"} == {3}
    assert report["verdict"]["cause"] == "gpu.ecc-errors"
    assert set(report["verdict"]["also"]) == {"gpu.throttled", "gpu.pcie-degraded"}


def test_a_snapshot_amid_an_issue_is_still_one(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    envdoctor("snapshot", "-o", str(path))
    pasted = f"This is what it says:\n```json\n{path.read_text()}\n```\nWhat now?\n"
    assert envdoctor("triage", "-", given=pasted).output == envdoctor("triage", str(path)).output
    assert envdoctor("triage", "-", given=pasted[: len(pasted) // 2]).exit_code in (0, 1, 3)  # read as text
