from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Distribution, Stage, TorchInstall, TorchRuntime
from envdoctor_checks.torch.import_fails import import_fails
from healthy import PYTHON, TORCH, WORKS


def runtime(**values: str | None) -> TorchRuntime:
    return TorchRuntime(stages=(Stage(name="import", **values),))  # type: ignore[arg-type]


def test_fires_on_an_exception() -> None:
    failed = runtime(status="failed", error_type="ImportError", error="libfoo.so: bad\nELF header")
    [finding] = judge(import_fails, failed, TORCH, PYTHON).findings
    assert finding.title == "import torch raises ImportError: libfoo.so: bad ELF header"
    assert "torch==2.5.1" in (finding.fix[0].command or "")


def test_fires_on_a_crash_and_says_where() -> None:
    crashed = runtime(
        status="crashed", error="import torch was ended by SIGSEGV", signal="SIGSEGV", frame="a.py:3 in load"
    )
    [finding] = judge(import_fails, crashed).findings
    assert finding.title == "import torch was ended by SIGSEGV in a.py:3 in load"


def test_fires_on_a_hang() -> None:
    [finding] = judge(import_fails, runtime(status="hung", error="import torch did not answer within 20 s")).findings
    assert finding.title == "import torch did not answer within 20 s"


def test_a_long_message_is_cut() -> None:
    [finding] = judge(import_fails, runtime(status="failed", error_type="E", error="x" * 300)).findings
    assert len(finding.title) == 100


def test_fires_where_torch_is_on_record_and_its_files_are_gone() -> None:
    dist = Distribution(name="torch", version="2.5.1", location="/opt/venv/lib")
    failed = runtime(status="failed", error_type="ModuleNotFoundError", error="No module named 'torch'")
    [finding] = judge(import_fails, failed, TorchInstall(present=False, distributions=(dist,)), PYTHON).findings
    assert finding.title == "import torch raises ModuleNotFoundError: No module named 'torch'"
    assert finding.detail == "torch 2.5.1 is on record in /opt/venv/lib; its files are gone."
    assert (finding.fix[0].command or "").endswith("--force-reinstall torch==2.5.1")


def test_silent_where_it_works_was_not_tried_or_there_is_none() -> None:
    assert judge(import_fails, WORKS).findings == ()
    assert judge(import_fails, runtime(status="ok")).findings == ()
    assert judge(import_fails, runtime(status="failed", error="x"), TorchInstall(present=False)).findings == ()
