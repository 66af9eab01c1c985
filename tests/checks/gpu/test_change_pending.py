from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Nvml, NvmlGpu
from envdoctor_checks.gpu.change_pending import change_pending
from healthy import NVML


def test_notes_what_waits_for_a_reset() -> None:
    waits = NvmlGpu(index=3, mig_mode=0, mig_mode_pending=1, ecc_enabled=True, ecc_pending=False)
    ecc, mig = judge(change_pending, Nvml(gpus=(NvmlGpu(index=0), waits))).findings
    assert ecc.title == "GPU 3: ECC is on, and will be off after a reset"
    assert mig.title == "GPU 3: MIG is off, and will be on after a reset"
    assert (mig.severity, mig.gpu, mig.fix[0].command) == ("info", 3, "sudo nvidia-smi -r -i 3")


def test_silent_where_nothing_changes_or_is_known() -> None:
    same = NvmlGpu(index=0, mig_mode=1, mig_mode_pending=1, ecc_enabled=False, ecc_pending=False)
    assert judge(change_pending, Nvml(gpus=(same, NvmlGpu(index=1, mig_mode=1)))).findings == ()
    assert judge(change_pending, NVML).findings == ()
