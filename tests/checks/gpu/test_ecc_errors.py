from __future__ import annotations

from typing import Any

import pytest

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Nvml, NvmlGpu
from envdoctor_checks.gpu.ecc_errors import ecc_errors
from healthy import NVML


def card(**fields: Any) -> Nvml:
    return Nvml(gpus=(NvmlGpu(index=0), NvmlGpu(index=3, **fields)))


@pytest.mark.parametrize(
    ("fields", "title", "severity"),
    [
        ({"remap_failed": True}, "GPU 3: replacing a row of memory failed", "error"),
        ({"remapped_uncorrectable": 512}, "GPU 3: 512 rows of memory replaced; 512 is the limit", "error"),
        ({"retired_pages": 64}, "GPU 3: 64 retired pages; 63 is the limit", "error"),
        (
            {"ecc_uncorrected_volatile": 12, "remap_pending": True},
            "GPU 3: 12 uncorrectable memory errors since the driver was loaded; a repair waits for a reset",
            "error",
        ),
        ({"remap_pending": True}, "GPU 3: a row of memory waits for a reset to be replaced", "warning"),
        ({"retired_pending": True}, "GPU 3: a page of memory waits for a reset to be retired", "warning"),
    ],
)
def test_fires_on_the_gpu_that_has_it(fields: dict[str, Any], title: str, severity: str) -> None:
    [finding] = judge(ecc_errors, card(**fields)).findings
    assert (finding.title, finding.severity, finding.gpu) == (title, severity, 3)


def test_silent_on_a_card_without_ecc_and_on_errors_that_were_repaired_long_ago() -> None:
    assert judge(ecc_errors, NVML).findings == ()
    assert (
        judge(ecc_errors, card(ecc_uncorrected_aggregate=4, remapped_uncorrectable=2, remap_pending=False)).findings
        == ()
    )
