from __future__ import annotations

import pytest

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Nvml, NvmlGpu, System
from envdoctor_checks.gpu.throttled import throttled
from measured import HEALTHY, device, with_load, work


def test_fires_under_load() -> None:
    [finding] = judge(throttled, work(with_load(reasons=0x44, sm_mhz=1005.0, celsius=91.0))).findings
    assert finding.title == "GPU 0 under load: hardware thermal slowdown, 1005 of 1980 MHz, 91 °C"
    assert "cooling" in finding.fix[0].text


@pytest.mark.parametrize(
    ("bit", "what"), [(0x80, "power brake"), (0x8, "hardware slowdown"), (0x20, "software thermal")]
)
def test_each_bit_has_its_name(bit: int, what: str) -> None:
    [finding] = judge(throttled, work(with_load(reasons=bit))).findings
    assert what in finding.title


@pytest.mark.parametrize("benign", [0x0, 0x1, 0x2, 0x4, 0x10, 0x100, 0x5])
def test_silent_on_benign_reasons(benign: int) -> None:
    assert judge(throttled, work(with_load(reasons=benign))).findings == ()


def test_fires_on_heat_and_the_power_brake_without_work() -> None:
    hot = Nvml(gpus=(NvmlGpu(index=3, clock_event_reasons=0x48, temperature_celsius=96),))
    [finding] = judge(throttled, hot).findings
    assert finding.title == "GPU 3: hardware thermal slowdown (clock event reasons 0x48), 96 °C"
    assert finding.gpu == 3


def test_silent_on_an_idle_laptop() -> None:
    assert judge(throttled, Nvml(gpus=(NvmlGpu(index=0, clock_event_reasons=0x1),))).findings == ()
    assert judge(throttled, Nvml(gpus=(NvmlGpu(index=0, clock_event_reasons=0x20),))).findings == ()


def test_silent_on_one_look_at_a_slowdown_that_a_change_of_clocks_makes_too() -> None:
    assert judge(throttled, Nvml(gpus=(NvmlGpu(index=0, clock_event_reasons=0x8),))).findings == ()


@pytest.mark.parametrize("benign", [0x0, 0x1, 0x2, 0x4, 0x6, 0x10, 0x100, 0x200, 0x400])
def test_silent_without_work_on_benign_reasons(benign: int) -> None:
    assert judge(throttled, Nvml(gpus=(NvmlGpu(index=0, clock_event_reasons=benign),))).findings == ()


def test_heat_of_the_past_is_a_note_but_in_a_laptop() -> None:
    was_hot = NvmlGpu(index=3, clock_event_reasons=0x1, thermal_violation_seconds=312.4)
    [finding] = judge(throttled, Nvml(gpus=(was_hot,))).findings
    assert finding.title == "GPU 3: heat held its clocks down for 312 s since the driver was loaded"
    assert (finding.severity, finding.gpu) == ("info", 3)
    assert judge(throttled, Nvml(gpus=(was_hot,)), System(chassis=10)).findings == ()
    assert judge(throttled, Nvml(gpus=(NvmlGpu(index=0, thermal_violation_seconds=2.0),))).findings == ()


def test_silent_on_a_healthy_card_and_where_nothing_was_sampled() -> None:
    assert judge(throttled, HEALTHY).findings == ()
    assert judge(throttled, work(device(load=None), with_load(reasons=None))).findings == ()
