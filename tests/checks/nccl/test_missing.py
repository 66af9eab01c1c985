from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import (
    Interpreter,
    Message,
    Messages,
    MissingLibraries,
    MissingLibrary,
    Nvml,
    System,
    TorchInstall,
    TorchRuntime,
)
from envdoctor_checks.nccl.missing import missing

PYTHON = Interpreter(path="/opt/venv/bin/python", has_pip=True)
TORCH = TorchInstall(version="2.5.1+cu124", cuda="12.4")
WITHOUT = TorchRuntime(version="2.5.1+cu124", cuda="12.4", nccl_available=False)


def test_fires_with_the_pinned_wheel() -> None:
    nccl = MissingLibrary(name="libnccl.so.2", needed_by="/v/libtorch_cuda.so", provider="nvidia-nccl-cu12==2.21.5")
    [finding] = judge(missing, MissingLibraries(missing=(nccl,)), PYTHON, TORCH).findings
    assert finding.title == "libtorch_cuda.so needs libnccl.so.2; the loader does not find it"
    assert (
        finding.fix[0].command
        == "/opt/venv/bin/python -m pip install --force-reinstall --no-deps nvidia-nccl-cu12==2.21.5"
    )


def test_several_gpus_and_a_build_without_it() -> None:
    [finding] = judge(missing, WITHOUT, Nvml(device_count=4), System(platform="linux")).findings
    assert finding.title == "4 GPUs, and torch 2.5.1+cu124 was built without NCCL"
    assert finding.severity == "warning"


def test_fires_on_a_message_alone() -> None:
    said = Message(key="torch-no-nccl", text="RuntimeError: Distributed package doesn't have NCCL built in")
    [finding] = judge(missing, Messages(messages=(said,))).findings
    assert finding.title == "NCCL is not there: RuntimeError: Distributed package doesn't have NCCL built in"


def test_silent_with_one_gpu_or_on_windows() -> None:
    assert judge(missing, WITHOUT, Nvml(device_count=1)).findings == ()
    assert judge(missing, WITHOUT, Nvml(device_count=4), System(platform="windows")).findings == ()
    assert judge(missing, TorchRuntime(cuda="", nccl_available=False), Nvml(device_count=4)).findings == ()


def test_silent_when_it_is_there() -> None:
    there = TorchRuntime(cuda="12.4", nccl_available=True)
    said = Message(key="torch-no-nccl", text="Distributed package doesn't have NCCL built in")
    assert judge(missing, there, Nvml(device_count=8), MissingLibraries(), Messages(messages=(said,))).findings == ()


def test_silent_for_a_symbol() -> None:
    symbol = MissingLibrary(name="libnccl.so.2", kind="symbol", symbol="ncclCommRegister")
    assert judge(missing, MissingLibraries(missing=(symbol,))).findings == ()


def test_skipped_where_torch_was_not_imported() -> None:
    assert judge(missing, TORCH, Nvml(device_count=4)).result.status == "skipped"
