from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Watched
from envdoctor_checks.compute.step_jitter import step_jitter
from measured import HEALTHY, LOAD, STEP, device, with_step, work


def test_fires_on_a_long_tail() -> None:
    [finding] = judge(step_jitter, work(with_step(p99=0.4))).findings
    assert finding.title == "GPU 0: the slowest of 20 steps takes 400 ms; half take 44 ms"
    assert finding.detail == "Nothing that was sampled meanwhile says why."


def test_quota_contention_copies_and_clocks_are_told_apart() -> None:
    tail = msgspec.structs.replace(STEP, p99=0.4)
    copying = Watched(ops=10, to_host=3, first_to_host="aten._to_copy.default")
    cases = [
        (device(step=tail, throttled_periods=9), "quota stopped this process in 9 periods"),
        (device(step=msgspec.structs.replace(tail, on_processor=0.4)), "its processor for 40%"),
        (device(step=msgspec.structs.replace(tail, watched=copying)), "copies to the host 3 times"),
        (device(step=tail, load=msgspec.structs.replace(LOAD, sm_mhz=900.0)), "900 of 1980 MHz"),
    ]
    for slow, why in cases:
        [finding] = judge(step_jitter, work(slow)).findings
        assert why in finding.detail


def test_silent_on_even_steps_and_on_too_few() -> None:
    assert judge(step_jitter, HEALTHY).findings == ()
    assert judge(step_jitter, work(with_step(p99=0.4, steps=4))).findings == ()
    assert (
        judge(step_jitter, work(device(device="cpu", gpu=None, step=msgspec.structs.replace(STEP, p99=1.0)))).findings
        == ()
    )
