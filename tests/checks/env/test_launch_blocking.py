from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Environment
from envdoctor_checks.env.launch_blocking import launch_blocking


def test_fires() -> None:
    environment = Environment(variables={"CUDA_LAUNCH_BLOCKING": "1", "PATH": "/bin"})
    [finding] = judge(launch_blocking, environment).findings
    assert finding.title.startswith("CUDA_LAUNCH_BLOCKING=1 ")
    assert (finding.severity, finding.fix[0].command) == ("warning", "unset CUDA_LAUNCH_BLOCKING")


def test_a_cost_at_start_up_is_a_note() -> None:
    [finding] = judge(launch_blocking, Environment(variables={"CUDA_MODULE_LOADING": "EAGER"})).findings
    assert finding.severity == "info"


def test_silent_where_it_is_off_or_not_set() -> None:
    assert judge(launch_blocking, Environment(variables={"CUDA_LAUNCH_BLOCKING": "0"})).findings == ()
    assert judge(launch_blocking, Environment()).findings == ()


def test_skipped_where_the_environment_is_unknown() -> None:
    assert judge(launch_blocking).result.status == "skipped"
