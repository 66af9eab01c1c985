from __future__ import annotations

import pytest

from envdoctor.diagnose.testing import judge
from envdoctor.facts import KernelLog, KernelModule, Message, Messages
from envdoctor_checks.driver.gpu_not_supported import gpu_not_supported
from healthy import BUS, CUDA, NVML, UBUNTU

OPEN = "NVRM: installed in this system requires use of the NVIDIA open kernel modules."
LEGACY = "NVRM: The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:1b80) installed in this system is not supported by the NVIDIA 595.45.04 driver release."
UNFIT = "NVRM: GPU 0000:01:00.0 (PCI ID: 10de:1b80) installed in this system is not supported by open nvidia.ko"


@pytest.mark.parametrize(
    ("line", "module", "title"),
    [
        (OPEN, KernelModule(version="570", flavour="proprietary"), "Proprietary kernel module 570 does not drive GeForce RTX 4090: it needs the open module"),
        (UNFIT, KernelModule(version="570", flavour="open"), "Open kernel module 570 does not drive GeForce RTX 4090: the open module lacks it"),
        (LEGACY, KernelModule(version="595.45.04"), "Driver 595.45.04 does not drive GeForce RTX 4090: this branch lacks it"),
    ],
)  # fmt: skip
def test_fires_on_what_the_kernel_says(line: str, module: KernelModule, title: str) -> None:
    [finding] = judge(gpu_not_supported, KernelLog(lines=(line,)), module, BUS, UBUNTU).findings
    assert finding.title == title
    assert finding.evidence[0].value == line


def test_fires_on_a_pasted_message() -> None:
    said = Messages(messages=(Message(key="kernel-gpu-not-supported", text=LEGACY),))
    assert len(judge(gpu_not_supported, said).findings) == 1


def test_silent_on_a_healthy_machine() -> None:
    assert judge(gpu_not_supported, KernelLog(lines=("NVRM: loading NVIDIA UNIX",)), NVML, CUDA).findings == ()


def test_silent_where_a_gpu_works_beside_one_that_is_not_driven() -> None:
    assert judge(gpu_not_supported, KernelLog(lines=(LEGACY,)), NVML, CUDA).findings == ()
