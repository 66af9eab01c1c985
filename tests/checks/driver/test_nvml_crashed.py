from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import ProbeDeath, ProbeDeaths
from envdoctor_checks.driver.nvml_crashed import nvml_crashed
from healthy import CUDA, CUDA_FAILS

CRASHED = ProbeDeaths(
    deaths=(ProbeDeath(probe="nvml", kind="crashed", detail="nvmlInit was ended by SIGSEGV", stage="init"),)
)


def test_fires_as_an_error_where_cuda_fails_too() -> None:
    [finding] = judge(nvml_crashed, CRASHED, CUDA_FAILS).findings
    assert finding.title == "nvmlInit was ended by SIGSEGV (stage init)"
    assert finding.severity == "error"


def test_fires_as_a_warning_where_cuda_works() -> None:
    [finding] = judge(nvml_crashed, CRASHED, CUDA).findings
    assert finding.severity == "warning"


def test_silent_where_nvml_answered_or_hung() -> None:
    hung = ProbeDeaths(deaths=(ProbeDeath(probe="nvml", kind="timeout", detail="nvmlInit did not answer"),))
    assert judge(nvml_crashed, ProbeDeaths(), CUDA).findings == ()
    assert judge(nvml_crashed, hung, CUDA).findings == ()
