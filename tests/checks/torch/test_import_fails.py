from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Environment, ProbeDeath, ProbeDeaths, Stage, TorchInstall, TorchRuntime
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


def test_silent_where_it_works_was_not_tried_or_there_is_none() -> None:
    assert judge(import_fails, WORKS).findings == ()
    assert judge(import_fails, runtime(status="ok")).findings == ()
    assert judge(import_fails, runtime(status="failed", error="x"), TorchInstall(present=False)).findings == ()


def test_fires_where_the_interpreter_ends_before_any_program() -> None:
    ends = "/v e/bin/python (Python 3.11) ends in its own start with exit code 0"
    for detail in (ends, "/v e/bin/python did not answer within 20 s", "/v e/bin/python was ended by SIGSEGV"):
        deaths = ProbeDeaths(deaths=(ProbeDeath(probe="python_install", kind="crashed", detail=detail),))
        [finding] = judge(import_fails, deaths).findings
        assert finding.title.startswith("/v e/bin/python ")
        assert "in its own start" in finding.title
        assert finding.fix[1].command == "'/v e/bin/python' -I -S -c pass"


def test_silent_where_the_probe_of_the_interpreter_ran_out_of_time_or_died_later() -> None:
    late = ProbeDeath(probe="python_install", kind="timeout", detail="no answer within the time for all")
    later = ProbeDeath(probe="python_install", kind="timeout", detail="/p: reading …", stage="distributions")
    for death in (late, later):
        assert judge(import_fails, ProbeDeaths(deaths=(death,))).findings == ()


def test_fires_on_a_package_whose_file_was_emptied() -> None:
    hollow = TorchRuntime(stages=(Stage(name="import", status="ok"),), file="/v/torch/__init__.py", cuda="")
    [finding] = judge(import_fails, hollow, TORCH).findings
    assert finding.title == "import torch gives a module without __version__: /v/torch/__init__.py is damaged"


def test_a_path_in_the_title_gives_way_to_its_file_name() -> None:
    said = "/very/long/folder/torch/lib/../../nvidia/cudnn/lib/libcudnn.so.9: file too short"
    [finding] = judge(import_fails, runtime(status="failed", error_type="ImportError", error=said)).findings
    assert finding.title == "import torch raises ImportError: libcudnn.so.9: file too short"


def test_names_the_variable_that_acts_on_the_start() -> None:
    ends = "/usr/bin/python3 (Python 3.11) ends in its own start with exit code 1: ModuleNotFoundError: No module named 'encodings'"
    deaths = ProbeDeaths(deaths=(ProbeDeath(probe="python_install", kind="crashed", detail=ends),))
    [finding] = judge(import_fails, deaths, Environment(variables={"PYTHONHOME": "/opt/gone"})).findings
    assert finding.fix[0].command == "unset PYTHONHOME"
    assert finding.evidence[1].value == "PYTHONHOME=/opt/gone"


def test_a_standard_module_that_is_hidden() -> None:
    hides = "/usr/bin/python3 (Python 3.11) cannot import its own standard library with exit code 1: RuntimeError: mine"
    deaths = ProbeDeaths(deaths=(ProbeDeath(probe="python_install", kind="crashed", detail=hides),))
    [finding] = judge(import_fails, deaths).findings
    assert "has the name of a standard module" in finding.detail
