from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Pin, Stage, TorchInstall, TorchRuntime
from envdoctor_checks.torch.pinned_libs_mismatch import pinned_libs_mismatch
from healthy import PYTHON, TORCH, WORKS


def pinned(*pins: Pin) -> TorchInstall:
    return msgspec.structs.replace(TORCH, pins=pins)


WRONG = Pin(name="nvidia-cudnn-cu12", specifier="==9.1.0.70", installed="9.0.0.312", satisfied=False)
RIGHT = Pin(name="nvidia-nccl-cu12", specifier="==2.21.5", installed="2.21.5", satisfied=True)
ABSENT = Pin(name="nvidia-cufft-cu12", specifier="==11.2.1.3", installed="", satisfied=False)
TRITON = Pin(name="triton", specifier="==3.1.0", installed="3.2.0", satisfied=False)


def test_fires_and_installs_what_torch_asks_for() -> None:
    [finding] = judge(pinned_libs_mismatch, pinned(WRONG, RIGHT), PYTHON).findings
    assert finding.title == "nvidia-cudnn-cu12 9.0.0.312 is installed; torch 2.5.1+cu124 asks for 9.1.0.70"
    assert finding.severity == "warning"
    assert finding.fix[0].command == "/opt/venv/bin/python -m pip install nvidia-cudnn-cu12==9.1.0.70"


def test_is_an_error_where_a_stage_failed() -> None:
    runtime = TorchRuntime(stages=(Stage(name="import", status="ok"), Stage(name="cudnn", status="failed")))
    [finding] = judge(pinned_libs_mismatch, pinned(WRONG), runtime).findings
    assert finding.severity == "error"


def test_another_triton_is_a_note() -> None:
    [finding] = judge(pinned_libs_mismatch, pinned(TRITON), WORKS).findings
    assert finding.severity == "info"


def test_silent_where_all_fit_or_one_is_not_installed_at_all() -> None:
    assert judge(pinned_libs_mismatch, pinned(RIGHT)).findings == ()
    assert judge(pinned_libs_mismatch, pinned(ABSENT)).findings == ()
    assert judge(pinned_libs_mismatch, pinned()).findings == ()


def test_skipped_where_the_metadata_is_unknown() -> None:
    assert judge(pinned_libs_mismatch, TORCH).result.status == "skipped"
