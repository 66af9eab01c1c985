"""One message, several reports round it: each has another cause."""

from __future__ import annotations

import pytest

from envdoctor.examine import judge
from envdoctor.read.text import read_text

NONE_FOUND = "RuntimeError: Found no NVIDIA driver on your system."
DIFFER = "Error 803: system has unsupported display driver / cuda driver combination"
UNKNOWN = "CUDA unknown error - this may be due to an incorrectly set up environment"
OLD_OR_NONE = "CUDA driver version is insufficient for CUDA runtime version"
NO_DEVICE = "failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is detected"
SHOWN = "| NVIDIA-SMI 550.54 Driver Version: 550.54 CUDA Version: 12.4 |\n|   0  NVIDIA A100  On  | 00000000:01:00.0 Off |  0 |"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (NONE_FOUND, "driver.not-installed"),
        (f"$ docker run image python a.py\n{NONE_FOUND}", "container.gpu-not-passed"),
        (f"$ docker run --gpus all image python a.py\n{NONE_FOUND}", "container.capabilities-missing"),
        (f"resources: nvidia.com/gpu: 1\n$ kubectl logs pod\n{NONE_FOUND}", "container.toolkit-missing"),
        (f"$ kubectl logs pod\n{NONE_FOUND}", "container.gpu-not-passed"),
        (f"{NONE_FOUND}\n$ ls /run/opengl-driver/lib\nlibcuda.so.535.129.03", "cuda.library-missing"),
        (f"{NONE_FOUND}\nGPU: AMD Radeon RX 6800", "torch.wrong-vendor-build"),
        (DIFFER, "driver.version-mismatch"),
        (f"$ docker run --gpus all image\n{DIFFER}", "cuda.compat-conflict"),
        (UNKNOWN, "cuda.init-failed"),
        (f"LXD version: 3.0.3\n{UNKNOWN}", "driver.device-nodes-missing"),
        (OLD_OR_NONE, "cuda.driver-too-old"),
        (f"nvidia-smi: command not found\n{OLD_OR_NONE}", "driver.not-installed"),
        (NO_DEVICE, "hardware.no-gpu"),
        (f"{NO_DEVICE}\n{SHOWN}", "cuda.init-failed"),
    ],
)
def test_what_stands_round_a_message_decides(text: str, cause: str) -> None:
    assert judge(read_text(text, "2026-01-01T00:00:00Z")).verdict.cause == cause
