from __future__ import annotations

import pytest

from envdoctor.diagnose.testing import judge
from envdoctor.facts import (
    Interpreter,
    LoadedLibraries,
    LoadedLibrary,
    Message,
    Messages,
    MissingLibraries,
    MissingLibrary,
    TorchInstall,
    TorchRuntime,
)
from envdoctor_checks.cudnn.missing import missing

PYTHON = Interpreter(path="/opt/venv/bin/python", has_pip=True)
TORCH = TorchInstall(version="2.5.1+cu124", cuda="12.4")
CUDNN = MissingLibrary(
    name="libcudnn.so.9",
    needed_by="/v/torch/lib/libtorch_cuda.so",
    searched=("/a (DT_RPATH of libtorch_cuda.so)",),
    provider="nvidia-cudnn-cu12==9.1.0.70",
)


def test_fires_with_the_pinned_wheel() -> None:
    [finding] = judge(missing, MissingLibraries(missing=(CUDNN,)), PYTHON, TORCH).findings
    assert finding.title == "libtorch_cuda.so needs libcudnn.so.9; 1 folder searched lacks it"
    assert (
        finding.fix[0].command
        == "/opt/venv/bin/python -m pip install --force-reinstall --no-deps nvidia-cudnn-cu12==9.1.0.70"
    )


def test_fires_on_a_missing_part() -> None:
    part = MissingLibrary(name="libcudnn_graph.so.9", needed_by="/v/nvidia/cudnn/lib/libcudnn_adv.so.9")
    [finding] = judge(missing, MissingLibraries(missing=(part,)), TORCH).findings
    assert finding.title == "libcudnn_adv.so.9 needs libcudnn_graph.so.9; the loader does not find it"


def test_a_build_without_cudnn_is_slow() -> None:
    runtime = TorchRuntime(version="2.5.1+gitabc", cuda="12.4", cudnn_available=False)
    [finding] = judge(missing, runtime).findings
    assert finding.title == "torch 2.5.1+gitabc is built for CUDA 12.4, and without cuDNN"
    assert finding.severity == "warning"


@pytest.mark.parametrize(
    ("key", "text", "wheel"),
    [
        ("library-missing-cudnn8", "libcudnn.so.8: cannot open shared object file", "'nvidia-cudnn-cu12<9'"),
        ("library-missing-cudnn9", "libcudnn.so.9: cannot open shared object file", "'nvidia-cudnn-cu12>=9,<10'"),
    ],
)
def test_fires_on_a_message_alone(key: str, text: str, wheel: str) -> None:
    [finding] = judge(missing, Messages(messages=(Message(key=key, text=text),)), PYTHON).findings
    assert finding.title == f"cuDNN was not found: {text}"
    assert finding.fix[0].command == f"/opt/venv/bin/python -m pip install {wheel}"


def test_silent_when_nothing_is_missing() -> None:
    assert judge(missing, MissingLibraries(), TorchRuntime(cuda="12.4", cudnn_available=True), TORCH).findings == ()


def test_silent_for_other_libraries_and_for_symbols() -> None:
    others = MissingLibrary(name="libcudart.so.12"), MissingLibrary(name="libcudnn_ops.so.9", kind="symbol", symbol="x")
    assert judge(missing, MissingLibraries(missing=others), TORCH).findings == ()


def test_silent_for_a_build_without_cuda() -> None:
    assert judge(missing, TorchRuntime(version="2.5.1+cpu", cuda="", cudnn_available=False)).findings == ()


def test_silent_on_a_message_where_a_cudnn_is_loaded() -> None:
    said = Messages(
        messages=(Message(key="library-missing-cudnn8", text="libcudnn.so.8: cannot open shared object file"),)
    )
    loaded = LoadedLibraries(libraries=(LoadedLibrary(name="cudnn", path="/v/libcudnn.so.9", version="9.1.0"),))
    assert judge(missing, said, loaded).findings == ()


def test_skipped_where_torch_was_not_imported() -> None:
    assert judge(missing, TORCH).result.status == "skipped"


def test_a_report_may_tell_that_cuda_works_and_not_which() -> None:
    [finding] = judge(missing, TorchRuntime(cuda_available=True, cudnn_available=False)).findings
    assert finding.title == "torch is built for CUDA, and without cuDNN"
    assert judge(missing, TorchRuntime(cuda_available=False, cudnn_available=False)).findings == ()
    assert judge(missing, TorchRuntime(cuda_available=True, cudnn_available=True)).findings == ()
