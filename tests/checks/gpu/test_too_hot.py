from __future__ import annotations

from typing import Any

import pytest

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Nvml, NvmlGpu
from envdoctor_checks.gpu.too_hot import too_hot
from healthy import NVML


def card(**fields: Any) -> Nvml:
    return Nvml(gpus=(NvmlGpu(index=0, temperature_celsius=41), NvmlGpu(index=3, **fields)))


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        (
            {"temperature_celsius": 103, "temperature_slowdown_celsius": 101},
            "GPU 3: 103 °C; at 101 °C the card slows itself down",
        ),
        (
            {"temperature_margin_celsius": -3, "temperature_margin_slowdown_celsius": -2},
            "GPU 3: -3 °C to its thermal limit; at -2 °C the card slows itself down",
        ),
        (
            {"memory_temperature_celsius": 97, "memory_temperature_max_celsius": 95},
            "GPU 3: its memory has 97 °C; 95 °C is the most it may have",
        ),
    ],
)
def test_fires_at_the_limit_of_the_right_card(fields: dict[str, Any], title: str) -> None:
    [finding] = judge(too_hot, card(**fields)).findings
    assert (finding.title, finding.severity, finding.gpu) == (title, "warning", 3)


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature_celsius": 85, "temperature_slowdown_celsius": 101},
        {"temperature_celsius": 85, "temperature_slowdown_celsius": 0},
        {"temperature_celsius": 41},
        {"temperature_margin_celsius": 0, "temperature_margin_slowdown_celsius": -2},
        {"temperature_margin_celsius": -3},
        {"memory_temperature_celsius": 88, "memory_temperature_max_celsius": 95},
        {"memory_temperature_celsius": 88, "memory_temperature_max_celsius": 0},
    ],
)
def test_silent_on_a_card_that_is_warm_or_tells_no_limit(fields: dict[str, Any]) -> None:
    assert judge(too_hot, card(**fields)).findings == ()
    assert judge(too_hot, NVML).findings == ()
