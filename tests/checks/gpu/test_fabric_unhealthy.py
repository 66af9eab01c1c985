from __future__ import annotations

import pytest

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Nvml, NvmlGpu
from envdoctor_checks.gpu.fabric_unhealthy import fabric_unhealthy
from healthy import NVML

WELL = 0b01_10_0001_10_10_10_10
"""Nothing degraded, no route unhealthy, no wrong configuration, a partition assigned, the manager connected."""


def card(state: int = 3, status: int = 0, health: int | None = WELL) -> Nvml:
    sick = NvmlGpu(index=3, fabric_state=state, fabric_status=status, fabric_health=health)
    return Nvml(gpus=(NvmlGpu(index=0, fabric_state=3, fabric_status=0, fabric_health=WELL), sick))


@pytest.mark.parametrize(
    ("mask", "title"),
    [
        (0x1, "GPU 3: NVLink fabric: its links have less bandwidth than they should"),
        (0x10, "GPU 3: NVLink fabric: a route is unhealthy"),
        (0x14, "GPU 3: NVLink fabric: a route is being recovered; a route is unhealthy"),
        (0x500, "GPU 3: NVLink fabric: too few NVLinks"),
        (0x8000, "GPU 3: NVLink fabric: the global fabric manager is not connected"),
    ],
)
def test_fires_on_what_the_mask_says(mask: int, title: str) -> None:
    [finding] = judge(fabric_unhealthy, card(health=mask)).findings
    assert (finding.title, finding.gpu, finding.severity) == (title, 3, "warning")


def test_fires_on_a_registration_that_failed() -> None:
    [finding] = judge(fabric_unhealthy, card(status=999)).findings
    assert finding.title.startswith("GPU 3: its registration with the NVLink fabric failed (999")


def test_silent_on_a_healthy_fabric_one_that_is_not_set_up_and_cards_without() -> None:
    assert judge(fabric_unhealthy, card()).findings == ()
    assert judge(fabric_unhealthy, card(health=0)).findings == ()
    assert judge(fabric_unhealthy, card(health=None)).findings == ()
    assert judge(fabric_unhealthy, card(state=2, health=0x1)).findings == ()
    assert judge(fabric_unhealthy, NVML).findings == ()
