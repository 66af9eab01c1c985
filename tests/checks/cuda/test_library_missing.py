from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Interpreter, Message, Messages, MissingLibraries, MissingLibrary, TorchInstall
from envdoctor_checks.cuda.library_missing import library_missing

PYTHON = Interpreter(path="/opt/venv/bin/python", has_pip=True)
TORCH = TorchInstall(version="2.5.1+cu124", cuda="12.4")
CUDART = MissingLibrary(
    name="libcudart.so.12",
    needed_by="/v/torch/lib/libtorch_cuda.so",
    searched=("/a (DT_RPATH of libtorch_cuda.so)", "/usr/lib (default path)"),
    provider="nvidia-cuda-runtime-cu12==12.4.127",
)


def test_fires_with_the_wheel_that_ships_it() -> None:
    [finding] = judge(library_missing, MissingLibraries(missing=(CUDART,)), PYTHON, TORCH).findings
    assert finding.title == "libtorch_cuda.so needs libcudart.so.12; 2 folders searched lack it"
    first, second = finding.fix
    assert (
        first.command
        == "/opt/venv/bin/python -m pip install --force-reinstall --no-deps nvidia-cuda-runtime-cu12==12.4.127"
    )
    assert second.command is not None
    assert second.command.endswith("torch==2.5.1 --index-url https://download.pytorch.org/whl/cu124")


def test_what_only_torch_linalg_needs_keeps_nobody_from_importing_torch() -> None:
    solver = MissingLibrary(
        name="libcusolver.so.11",
        needed_by="/v/torch/lib/libtorch_cuda_linalg.so",
        provider="nvidia-cusolver-cu12==11.6.1.9",
    )
    [finding] = judge(library_missing, MissingLibraries(missing=(solver,)), PYTHON, TORCH).findings
    assert finding.title == "libtorch_cuda_linalg.so needs libcusolver.so.11; the loader does not find it"
    assert finding.severity == "warning"
    assert finding.detail == "torch.linalg ends with an error on the GPU without it."


def test_names_a_copy_that_no_search_leads_to() -> None:
    lost = MissingLibrary(name="libcublas.so.12", copies=("/usr/local/cuda-12.4/lib64/libcublas.so.12",))
    [finding] = judge(library_missing, MissingLibraries(missing=(lost,)), TORCH).findings
    assert finding.title == "torch needs libcublas.so.12; the loader does not find it"
    assert "/usr/local/cuda-12.4/lib64/libcublas.so.12" in finding.detail


def test_the_drivers_library_is_no_wheels() -> None:
    [finding] = judge(library_missing, MissingLibraries(missing=(MissingLibrary(name="libcuda.so.1"),)), TORCH).findings
    assert finding.confidence == "likely"
    assert finding.fix[0].command is None


def test_fires_on_a_message_alone() -> None:
    said = Message(key="library-missing-nvrtc12", text="ImportError: libnvrtc.so.12: cannot open shared object file")
    [finding] = judge(library_missing, Messages(messages=(said,)), PYTHON).findings
    assert finding.title == "A CUDA library is missing: ImportError: libnvrtc.so.12: cannot open shared object file"
    assert finding.fix[0].command == "/opt/venv/bin/python -m pip install nvidia-cuda-nvrtc-cu12"


def test_silent_when_nothing_is_missing() -> None:
    assert judge(library_missing, MissingLibraries(), TORCH).findings == ()


def test_silent_for_what_others_speak_of() -> None:
    others = ("libcudnn.so.9", "libnccl.so.2", "libgomp.so.1", "libstdc++.so.6", "?")
    missing = MissingLibraries(missing=tuple(MissingLibrary(name=name) for name in others))
    assert judge(library_missing, missing, TORCH).findings == ()


def test_silent_for_a_symbol() -> None:
    symbol = MissingLibrary(name="libnvJitLink.so.12", kind="symbol", symbol="__nvJitLinkComplete_12_4")
    assert judge(library_missing, MissingLibraries(missing=(symbol,)), TORCH).findings == ()


def test_silent_on_a_message_that_the_loaders_own_search_refutes() -> None:
    said = Message(key="library-missing-nvrtc12", text="libnvrtc.so.12: cannot open shared object file")
    assert judge(library_missing, Messages(messages=(said,)), MissingLibraries()).findings == ()


def test_skipped_where_torch_was_not_imported() -> None:
    assert judge(library_missing, TORCH).result.status == "skipped"
