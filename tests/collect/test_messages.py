from __future__ import annotations

from envdoctor.collect.host import LiveHost
from envdoctor.collect.messages import messages
from envdoctor.facts import Stage, TorchRuntime


def keys(runtime: TorchRuntime) -> list[str]:
    return [message.key for message in messages(LiveHost(), runtime).messages]


def test_errors_and_warnings_are_recognised() -> None:
    stage = Stage(name="cuda-init", status="failed", error="Found no NVIDIA driver on your system. Please check")
    assert keys(TorchRuntime(stages=(stage,))) == ["torch-no-nvidia-driver"]
    warning = "UserWarning: NVIDIA GeForce RTX 5090 with CUDA capability sm_120 is not compatible with the current PyTorch installation."
    assert keys(TorchRuntime(warnings=(warning,))) == ["torch-gpu-not-compatible"]


def test_silence_is_no_message() -> None:
    assert keys(TorchRuntime()) == []
    assert keys(TorchRuntime(stages=(Stage(name="import", status="ok"),))) == []
