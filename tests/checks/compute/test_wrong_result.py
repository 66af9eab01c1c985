from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor_checks.compute.wrong_result import wrong_result
from measured import HEALTHY, PROCESSOR, device, rate, with_rates, with_step, work


def test_fires_on_numbers_that_are_off() -> None:
    bad = with_rates(rate("matmul", 785.0, "TFLOP/s", "bf16", error=0.41, tolerance=0.015, right=False))
    [finding] = judge(wrong_result, work(bad)).findings
    assert finding.title == "GPU 0: bf16 matmul is off by 0.41 (relative); 0.015 is rounding"
    assert finding.gpu == 0


def test_fires_on_nan_and_counts_the_rest() -> None:
    bad = with_rates(
        rate("copy", 4000.0, "GB/s", error=None, right=False), rate("fft", 1.0, "Gpoint/s", error=None, right=False)
    )
    [finding] = judge(wrong_result, work(bad)).findings
    assert finding.title == "GPU 0: copy gives numbers that are not finite; and 1 more"


def test_fires_on_memory_that_does_not_read_back() -> None:
    bad = with_rates(rate("memory", 110.0, "GiB", bad=3, right=False))
    [finding] = judge(wrong_result, work(bad)).findings
    assert finding.title == "GPU 0: 3 bytes of 110.0 GiB do not read back as written"


def test_fires_on_a_loss_that_is_not_finite() -> None:
    [finding] = judge(wrong_result, work(with_step(finite=False, losses=(7.1, None)))).findings
    assert finding.title == "The loss of a ResNet-50 step on GPU 0 is not finite after 20 steps"


def test_fires_on_the_one_gpu_of_two_that_is_wrong_and_on_the_processor() -> None:
    bad = rate("sort", 1.0, "Gkey/s", error=0.2, tolerance=0.0, right=False)
    second = device(device="cuda:1", gpu=1, rates=(bad,))
    [finding] = judge(wrong_result, work(device(), second)).findings
    assert finding.gpu == 1
    [finding] = judge(wrong_result, work(device(device="cpu", gpu=None, rates=(bad,)))).findings
    assert finding.title.startswith("the processor: sort is off by 0.2")


def test_silent_where_everything_is_right_or_was_not_compared() -> None:
    assert judge(wrong_result, HEALTHY).findings == ()
    assert judge(wrong_result, PROCESSOR).findings == ()
    assert judge(wrong_result, work(with_rates(rate("profile", 0.0, "kernels", right=None)))).findings == ()
