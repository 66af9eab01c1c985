from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor_checks.compute.tf32_off import tf32_off
from measured import HEALTHY, device, rate, with_rates, work


def test_fires_once_where_it_costs() -> None:
    [finding] = judge(tf32_off, work(device(tf32=False), device(device="cuda:1", gpu=1, tf32=False))).findings
    assert finding.title == "GPU 0: float32 matmul 51 TFLOP/s with TF32 off; 400 with it"
    assert finding.severity == "info"


def test_silent_where_it_is_on_unknown_or_costs_nothing() -> None:
    assert judge(tf32_off, HEALTHY).findings == ()
    assert judge(tf32_off, work(device(tf32=None))).findings == ()
    same = with_rates(rate("matmul", 60.0, "TFLOP/s", "tf32"))
    assert judge(tf32_off, work(device(tf32=False, rates=same.rates))).findings == ()


def test_silent_where_others_work_on_the_gpu_meanwhile() -> None:
    assert judge(tf32_off, work(device(tf32=False, tenants=("4711 python",)))).findings == ()
