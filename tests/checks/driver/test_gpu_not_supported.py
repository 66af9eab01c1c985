from __future__ import annotations

import msgspec
import pytest

from envdoctor.diagnose.testing import judge
from envdoctor.facts import KernelLog, KernelModule, Message, Messages, Nvml, PciBus, System
from envdoctor_checks.driver.gpu_not_supported import gpu_not_supported
from envdoctor_checks.driver.module_not_loaded import module_not_loaded
from healthy import BUS, CUDA, GPU, LIBRARIES, MODULE, NVML, UBUNTU

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


OLD_CARD = PciBus(devices=(msgspec.structs.replace(GPU, device="1b06", name="GeForce GTX 1080 Ti"),), device_count=9)
NONE_FOUND = Nvml(init_code=0, device_count=0)


def test_fires_by_the_table_where_nvml_finds_none_and_the_log_is_not_readable() -> None:
    module = KernelModule(loaded=True, version="595.45.04")
    [finding] = judge(gpu_not_supported, module, OLD_CARD, NONE_FOUND, UBUNTU).findings
    assert finding.title == "Driver 595.45.04 does not drive GeForce GTX 1080 Ti: this branch lacks it"
    assert finding.fix[0].command == "sudo apt install nvidia-driver-580"
    arch = System(distribution="arch", uid=1000)
    assert judge(gpu_not_supported, module, OLD_CARD, NONE_FOUND, arch).findings[0].fix[0].command is None


def test_silent_where_the_branch_drives_the_card_or_does_not_run() -> None:
    for module in (KernelModule(loaded=True, version="580.95.05"), KernelModule(loaded=False), MODULE):
        bus = BUS if module is MODULE else OLD_CARD
        assert judge(gpu_not_supported, module, bus, NONE_FOUND).findings == ()


def test_names_the_installed_version_where_the_module_did_not_stay_loaded() -> None:
    module = KernelModule(loaded=False)
    [finding] = judge(gpu_not_supported, KernelLog(lines=(OPEN,)), module, LIBRARIES, BUS, UBUNTU).findings
    assert finding.title.startswith("Proprietary kernel module 595.45.04 does not drive ")
    [finding] = judge(gpu_not_supported, KernelLog(lines=(OPEN,)), module, BUS).findings
    assert finding.title.startswith("Proprietary kernel module does not drive ")


def test_is_the_cause_of_a_module_that_does_not_load() -> None:
    assert "driver.module-not-loaded" in gpu_not_supported.explains
    assert "driver.gpu-not-supported" not in module_not_loaded.explains
