from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor_checks.compute.attention_math_path import attention_math_path
from measured import HEALTHY, PROCESSOR, rate, with_rates, work


def test_fires_on_the_math_path() -> None:
    slow = with_rates(rate("attention", 31.0, "TFLOP/s", "bf16", backend="math"))
    [finding] = judge(attention_math_path, work(slow)).findings
    assert finding.title == "GPU 0: bf16 attention takes the math path, 31 TFLOP/s"
    assert finding.severity == "info"


def test_silent_on_a_fused_one_and_on_the_processor() -> None:
    assert judge(attention_math_path, HEALTHY).findings == ()
    assert judge(attention_math_path, PROCESSOR).findings == ()
