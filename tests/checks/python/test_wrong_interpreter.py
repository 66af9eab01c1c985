from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Environment, OtherInterpreter, OtherInterpreters, TorchInstall
from envdoctor_checks.python.wrong_interpreter import wrong_interpreter
from healthy import PYTHON, TORCH, TORCH_CPU


def others(path: str) -> OtherInterpreters:
    return OtherInterpreters(
        interpreters=(OtherInterpreter(path=path, torch_version="2.5.1+cu124", torch_cuda="12.4"),)
    )


NONE = TorchInstall(present=False)


def test_fires_on_the_projects_own_environment() -> None:
    [finding] = judge(wrong_interpreter, NONE, PYTHON, others("/w/.venv/bin/python")).findings
    assert finding.title == "/opt/venv/bin/python has no torch; /w/.venv/bin/python has torch 2.5.1+cu124"
    assert finding.severity == "error"


def test_fires_on_the_active_environment() -> None:
    environment = Environment(variables={"CONDA_PREFIX": "/c/envs/job"})
    [finding] = judge(wrong_interpreter, NONE, PYTHON, others("/c/envs/job/bin/python"), environment).findings
    assert finding.severity == "error"


def test_a_far_environment_is_a_note_and_so_is_one_beside_a_cpu_build() -> None:
    [finding] = judge(wrong_interpreter, NONE, PYTHON, others("/srv/other/bin/python")).findings
    assert finding.severity == "info"
    [finding] = judge(wrong_interpreter, TORCH_CPU, PYTHON, others("/w/.venv/bin/python")).findings
    assert finding.severity == "info"


def test_silent_with_a_cuda_torch_here_or_none_elsewhere() -> None:
    assert judge(wrong_interpreter, TORCH, PYTHON, others("/w/.venv/bin/python")).findings == ()
    assert judge(wrong_interpreter, NONE, PYTHON, OtherInterpreters()).findings == ()
    cpu = OtherInterpreters(
        interpreters=(OtherInterpreter(path="/w/.venv/bin/python", torch_version="2.13.0+cpu", torch_cuda=""),)
    )
    assert judge(wrong_interpreter, NONE, PYTHON, cpu).findings == ()


def test_a_folder_that_is_called_env_makes_nothing_near() -> None:
    [finding] = judge(wrong_interpreter, NONE, PYTHON, others("/srv/env/other/bin/python")).findings
    assert finding.severity == "info"
