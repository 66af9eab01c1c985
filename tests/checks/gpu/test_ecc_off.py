from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Nvml, NvmlGpu
from envdoctor_checks.gpu.ecc_off import ecc_off
from healthy import NVML


def test_notes_a_card_that_comes_with_it_on() -> None:
    off = NvmlGpu(index=3, ecc_default=True, ecc_enabled=False, ecc_pending=False)
    [finding] = judge(ecc_off, Nvml(gpus=(off,))).findings
    assert (finding.title, finding.severity, finding.gpu) == ("GPU 3: ECC is off; its default is on", "info", 3)


def test_silent_where_it_is_on_off_by_default_about_to_be_on_or_unknown() -> None:
    for fields in (
        {"ecc_default": True, "ecc_enabled": True},
        {"ecc_default": False, "ecc_enabled": False},
        {"ecc_default": True, "ecc_enabled": False, "ecc_pending": True},
        {"ecc_default": None, "ecc_enabled": False},
    ):
        assert judge(ecc_off, Nvml(gpus=(NvmlGpu(index=0, **fields),))).findings == ()
    assert judge(ecc_off, NVML).findings == ()
