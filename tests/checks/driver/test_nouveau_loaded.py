from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import KernelModule, Message, Messages, PciBus
from envdoctor_checks.driver.nouveau_loaded import nouveau_loaded
from healthy import BUS, CUDA, GPU, MODULE, NO_CUDA, UBUNTU

HELD = PciBus(devices=(msgspec.structs.replace(GPU, driver="nouveau"),), device_count=9)


def test_fires_where_nouveau_holds_the_card() -> None:
    [finding] = judge(nouveau_loaded, HELD, NO_CUDA, UBUNTU).findings
    assert finding.title == "nouveau holds the GPU at 0000:01:00.0; NVIDIA's driver is not installed"
    assert finding.fix[0].command == "sudo ubuntu-drivers install"


def test_fires_from_the_modules_alone() -> None:
    [finding] = judge(nouveau_loaded, KernelModule(loaded=False, nouveau_loaded=True)).findings
    assert finding.title == "Kernel module nouveau is loaded; NVIDIA's module is not loaded"
    assert "blacklist nouveau" in (finding.fix[0].command or "")


def test_fires_on_the_kernels_words() -> None:
    said = Messages(
        messages=(Message(key="kernel-probe-not-called", text="NVRM: The NVIDIA probe routine was not called"),)
    )
    assert len(judge(nouveau_loaded, said).findings) == 1


def test_silent_on_a_healthy_machine() -> None:
    assert judge(nouveau_loaded, BUS, MODULE, CUDA).findings == ()


def test_silent_with_nouveau_for_another_card() -> None:
    other = msgspec.structs.replace(GPU, address="0000:02:00.0", driver="nouveau")
    both = PciBus(devices=(GPU, other), device_count=9)
    assert judge(nouveau_loaded, both, KernelModule(loaded=True, nouveau_loaded=True)).findings == ()
