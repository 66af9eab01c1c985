from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import (
    Distribution,
    LoadedLibraries,
    LoadedLibrary,
    Packages,
    Pin,
    Stage,
    TorchInstall,
    TorchRuntime,
)
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
    parts = TorchRuntime(stages=(Stage(name="import", status="ok"), Stage(name="cudnn-parts", status="crashed")))
    [finding] = judge(pinned_libs_mismatch, pinned(WRONG), parts).findings
    assert finding.severity == "error"


OURS = Pin(name="nvidia-cudnn-cu12", specifier="==9.1.0.70", installed="9.1.0.70", satisfied=True)


def cudnn(version: str | None) -> LoadedLibraries:
    path = "/opt/venv/lib/python3.11/site-packages/nvidia/cudnn/lib/libcudnn.so.9"
    return LoadedLibraries(
        libraries=(LoadedLibrary(name="cudnn", path=path, version=version, owner_kind="wheel", bundled=""),)
    )


def wheels(**versions: str) -> Packages:
    named = {name.replace("_", "-"): version for name, version in versions.items()}
    return Packages(distributions=tuple(Distribution(name=n, version=v, location="/x") for n, v in named.items()))


BOTH = wheels(nvidia_cudnn_cu12="9.1.0.70", nvidia_cudnn_cu13="9.12.0.46")


def test_fires_where_the_wheel_of_another_cuda_overwrote_the_pinned_one() -> None:
    [finding] = judge(pinned_libs_mismatch, pinned(OURS, RIGHT), cudnn("9.12.0"), BOTH, PYTHON).findings
    assert (
        finding.title == "libcudnn.so.9 is 9.12.0, of nvidia-cudnn-cu13; torch 2.5.1+cu124 asks for nvidia-cudnn-cu12"
    )
    assert finding.severity == "error"
    assert finding.fix[0].command == (
        "/opt/venv/bin/python -m pip uninstall -y nvidia-cudnn-cu13 && "
        "/opt/venv/bin/python -m pip install --force-reinstall --no-deps nvidia-cudnn-cu12==9.1.0.70"
    )
    [finding] = judge(pinned_libs_mismatch, pinned(OURS), cudnn("9.12.0"), BOTH, WORKS).findings
    assert finding.severity == "warning"


def test_silent_where_two_wheels_share_files_and_the_pinned_one_came_last() -> None:
    assert judge(pinned_libs_mismatch, pinned(OURS), cudnn("9.1.0"), BOTH).findings == ()
    assert judge(pinned_libs_mismatch, pinned(OURS), cudnn(None), BOTH).findings == ()
    assert judge(pinned_libs_mismatch, pinned(OURS), cudnn("9.5.0"), BOTH).findings == ()
    assert (
        judge(pinned_libs_mismatch, pinned(OURS), cudnn("9.12.0"), wheels(nvidia_cudnn_cu12="9.1.0.70")).findings == ()
    )


def test_another_triton_is_a_note() -> None:
    [finding] = judge(pinned_libs_mismatch, pinned(TRITON), WORKS).findings
    assert finding.severity == "info"


def test_silent_where_all_fit_or_one_is_not_installed_at_all() -> None:
    assert judge(pinned_libs_mismatch, pinned(RIGHT)).findings == ()
    assert judge(pinned_libs_mismatch, pinned(ABSENT)).findings == ()
    assert judge(pinned_libs_mismatch, pinned()).findings == ()


def test_skipped_where_the_metadata_is_unknown() -> None:
    assert judge(pinned_libs_mismatch, TORCH).result.status == "skipped"
