from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Nvml, NvmlGpu
from envdoctor_checks.gpu.firmware_differs import firmware_differs
from healthy import NVML


def machine(*versions: str, name: str = "NVIDIA H100 80GB HBM3") -> Nvml:
    return Nvml(gpus=tuple(NvmlGpu(index=i, name=name, vbios_version=v) for i, v in enumerate(versions)))


def test_notes_the_one_that_differs() -> None:
    [finding] = judge(firmware_differs, machine(*["96.00.74"] * 3, "96.00.30", *["96.00.74"] * 4)).findings
    assert finding.title == "GPU 3: VBIOS 96.00.30; 7 others of its model have 96.00.74"
    assert (finding.severity, finding.gpu) == ("info", 3)


def test_of_the_gsp_it_shows_the_gsps() -> None:
    cards = tuple(NvmlGpu(index=i, name="H100", gsp_firmware_version="595.45" if i else "550.54") for i in range(4))
    [finding] = judge(firmware_differs, Nvml(gpus=cards)).findings
    assert finding.title == "GPU 0: GSP firmware 550.54; 3 others of its model have 595.45"
    assert "gsp" in str(finding.fix[0].command)


def test_silent_on_equal_cards_too_few_of_them_and_several_models() -> None:
    assert judge(firmware_differs, machine(*["96.00.74"] * 8)).findings == ()
    assert judge(firmware_differs, machine("96.00.74", "96.00.30")).findings == ()
    other = machine("1", "2", "3", "4", name="NVIDIA GeForce RTX 4090")
    assert judge(firmware_differs, other).findings == ()
    assert judge(firmware_differs, NVML).findings == ()
