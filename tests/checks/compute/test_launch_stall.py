from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor_checks.compute.launch_stall import launch_stall
from measured import HEALTHY, PROCESSOR, rate, with_rates, with_step, work

SLOW = rate("launch-small-issue", 84.0, "us", on_processor=0.45, preempted=312)


def test_fires_on_slow_launches_and_says_what_competes() -> None:
    [finding] = judge(launch_stall, work(with_rates(SLOW))).findings
    assert finding.title == "GPU 0: issuing a kernel takes 84 us of host time; 4 to 10 are usual"
    assert "had its processor for 45% of the time and lost it 312 times" in finding.detail


def test_a_quota_is_told_apart_from_a_slow_processor() -> None:
    throttled = msgspec.structs.replace(with_rates(SLOW), throttled_periods=14)
    [finding] = judge(launch_stall, work(throttled)).findings
    assert "quota stopped this process in 14 periods" in finding.detail
    alone = with_rates(rate("launch-small-issue", 84.0, "us", on_processor=1.0))
    [finding] = judge(launch_stall, work(alone)).findings
    assert "to itself" in finding.detail


def test_fires_on_a_step_that_takes_as_long_to_issue() -> None:
    bound = msgspec.structs.replace(
        with_step(issue=0.0439), rates=with_rates(rate("launch-small-issue", 24.0, "us")).rates
    )
    [finding] = judge(launch_stall, work(bound)).findings
    assert finding.title == "GPU 0: a step of 44 ms takes 44 ms to issue: the GPU waits"


def test_silent_on_a_healthy_host_a_fast_card_and_the_processor() -> None:
    assert judge(launch_stall, HEALTHY).findings == ()
    assert judge(launch_stall, work(with_step(issue=0.044))).findings == ()  # launches are fast: the step is just short
    assert judge(launch_stall, PROCESSOR).findings == ()
