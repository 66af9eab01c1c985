from __future__ import annotations

from typing import Any

import msgspec
import pytest

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Nvml, NvmlGpu
from envdoctor_checks.gpu.ecc_errors import ecc_errors
from healthy import NVML
from measured import with_load, work


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
        (
            {"sram_threshold_exceeded": True, "sram_uncorrected_aggregate": 5},
            "GPU 3: more errors in its SRAM than its threshold allows (5 uncorrectable)",
            "error",
        ),
        ({"remap_banks": (600, 30, 5, 4, 1)}, "GPU 3: 1 of 640 banks of memory have no spare row left", "warning"),
        (
            {"ecc_corrected_volatile": 52_000_000},
            "GPU 3: 52 million memory errors corrected since the driver was loaded",
            "info",
        ),
        ({"remap_pending": True}, "GPU 3: a row of memory waits for a reset to be replaced", "warning"),
        ({"retired_pending": True}, "GPU 3: a page of memory waits for a reset to be retired", "warning"),
    ],
)
def test_fires_on_the_gpu_that_has_it(fields: dict[str, Any], title: str, severity: str) -> None:
    [finding] = judge(ecc_errors, card(**fields)).findings
    assert (finding.title, finding.severity, finding.gpu) == (title, severity, 3)


def test_errors_that_the_card_contained_are_a_warning() -> None:
    [finding] = judge(ecc_errors, card(ecc_uncorrected_volatile=2, recovery_action=0, remap_pending=False)).findings
    assert (finding.severity, finding.gpu) == ("warning", 3)
    assert "contained" in finding.detail
    pending = card(ecc_uncorrected_volatile=2, recovery_action=0, remap_pending=True)
    assert [f.severity for f in judge(ecc_errors, pending).findings] == ["error"]


def test_fires_on_what_the_counters_grew_by_under_load() -> None:
    [finding] = judge(ecc_errors, NVML, work(with_load(ecc_uncorrected=2))).findings
    assert (finding.title, finding.severity, finding.gpu) == (
        "GPU 0: 2 uncorrectable memory errors while it worked",
        "error",
        0,
    )
    storm = msgspec.structs.replace(with_load(ecc_corrected=50_000), seconds=8.0)
    [corrected] = judge(ecc_errors, work(storm)).findings
    assert (corrected.title, corrected.severity) == ("GPU 0: 50000 memory errors corrected in 8 s of work", "warning")
    few = msgspec.structs.replace(with_load(ecc_corrected=3, ecc_uncorrected=0), seconds=8.0)
    assert judge(ecc_errors, NVML, work(few)).findings == ()


def test_a_card_that_is_told_is_told_once() -> None:
    sick = Nvml(gpus=(NvmlGpu(index=0, ecc_uncorrected_volatile=12),))
    assert len(judge(ecc_errors, sick, work(with_load(ecc_uncorrected=2))).findings) == 1


def test_all_that_is_known_of_the_card_is_evidence() -> None:
    [finding] = judge(ecc_errors, card(ecc_uncorrected_volatile=12, remap_pending=True, remap_failed=False)).findings
    assert [(evidence.source, evidence.value) for evidence in finding.evidence] == [
        ("NVML ecc_uncorrected_volatile", "12"),
        ("NVML remap_pending", "yes"),
    ]


def test_silent_on_a_card_without_ecc_and_on_errors_that_were_repaired_long_ago() -> None:
    assert judge(ecc_errors, NVML).findings == ()
    well = card(ecc_corrected_volatile=900, sram_threshold_exceeded=False, remap_banks=(640, 0, 0, 0, 0))
    assert judge(ecc_errors, well).findings == ()
    assert (
        judge(ecc_errors, card(ecc_uncorrected_aggregate=4, remapped_uncorrectable=2, remap_pending=False)).findings
        == ()
    )


def test_what_was_corrected_needs_no_reset() -> None:
    [finding] = judge(ecc_errors, card(ecc_corrected_volatile=52_000_000)).findings
    assert [fix.command for fix in finding.fix] == ["nvidia-smi -q -d ECC,ROW_REMAPPER,PAGE_RETIREMENT -i 3"]
