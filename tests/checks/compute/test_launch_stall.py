from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor_checks.compute.launch_stall import launch_stall
from measured import HEALTHY, PROCESSOR, rate, with_rates, with_step, work
from running import BUSY, OPEN, WITH_CUDA, gpu, gpus, loader, process, stack, thread

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


PEGGED = thread(cpu=0.99, state="R")


def test_fires_on_a_process_with_a_pegged_thread_and_a_gpu_that_rests() -> None:
    [finding] = judge(launch_stall, process(PEGGED), WITH_CUDA, OPEN, gpus(gpu(23.0))).findings
    assert finding.title == "GPU 0: 23 % busy, while thread python never rests (0.99 processors)"
    assert (finding.severity, finding.confidence) == ("warning", "likely")
    [finding] = judge(launch_stall, process(PEGGED), WITH_CUDA, OPEN, gpus(gpu(0.0))).findings
    assert finding.confidence == "possible"


def test_a_thread_that_others_keep_off_its_processor_is_pegged_all_the_same() -> None:
    contended = thread(cpu=0.4, wanted=0.98, state="R")
    [finding] = judge(launch_stall, process(contended), WITH_CUDA, OPEN, gpus(gpu(23.0))).findings
    assert "had its processor for 41% of the time" in finding.detail


def test_silent_on_a_pegged_thread_that_feeds_its_gpu() -> None:
    """Waiting for the GPU spins, too."""
    assert judge(launch_stall, process(PEGGED), WITH_CUDA, OPEN, BUSY).findings == ()


def test_silent_on_threads_that_compute_together_on_loading_and_on_a_start() -> None:
    together = process(PEGGED, thread(4713, cpu=0.98), thread(4714, cpu=0.97))
    assert judge(launch_stall, together, WITH_CUDA, OPEN, gpus(gpu(0.0))).findings == ()
    where = stack("fetch (torch/utils/data/_utils/fetch.py:52)")
    assert judge(launch_stall, process(PEGGED), WITH_CUDA, OPEN, gpus(gpu(5.0)), where).findings == ()
    starts = process(PEGGED, age_seconds=5.0)
    assert judge(launch_stall, starts, WITH_CUDA, OPEN, gpus(gpu(0.0))).findings == ()
    busy_loaders = process(thread(cpu=0.1), children=(loader(4712),))
    assert judge(launch_stall, busy_loaders, WITH_CUDA, OPEN, gpus(gpu(5.0))).findings == ()


def test_silent_where_nvml_could_not_tell_what_the_process_does() -> None:
    assert judge(launch_stall, process(PEGGED), WITH_CUDA, OPEN, gpus(gpu(85.0, others=2))).findings == ()
    assert judge(launch_stall, process(PEGGED), WITH_CUDA, OPEN).findings == ()
