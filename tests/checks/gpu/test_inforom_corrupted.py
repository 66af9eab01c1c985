from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Message, Messages, Nvml, NvmlGpu
from envdoctor_checks.gpu.inforom_corrupted import inforom_corrupted
from healthy import NVML


def test_fires_on_wrong_checksums() -> None:
    [finding] = judge(inforom_corrupted, Nvml(gpus=(NvmlGpu(index=0), NvmlGpu(index=3, inforom_valid=False)))).findings
    assert (finding.title, finding.severity, finding.gpu) == (
        "GPU 3: its infoROM is corrupted (NVML 14)",
        "warning",
        3,
    )


def test_fires_where_the_card_gives_no_handle_for_it() -> None:
    [finding] = judge(inforom_corrupted, Nvml(gpus=(NvmlGpu(index=1, error=14),))).findings
    assert (finding.severity, finding.gpu) == ("error", 1)


SAID = Messages(
    messages=(Message(key="smi-inforom-corrupted", text="WARNING: infoROM is corrupted at gpu 0000:B3:00.0"),)
)


def test_fires_on_nvidia_smis_word_and_names_the_gpu_where_it_is_known() -> None:
    [finding] = judge(inforom_corrupted, SAID).findings
    assert (finding.title, finding.severity, finding.gpu) == (
        "GPU at 0000:B3:00.0: its infoROM is corrupted (NVML 14)",
        "warning",
        None,
    )
    nvml = Nvml(gpus=(NvmlGpu(index=0), NvmlGpu(index=1, pci_bus_id="00000000:B3:00.0")))
    [named] = judge(inforom_corrupted, SAID, nvml).findings
    assert named.gpu == 1


def test_silent_where_it_is_right_or_not_to_be_told() -> None:
    assert judge(inforom_corrupted, NVML).findings == ()
    assert judge(inforom_corrupted, Nvml(gpus=(NvmlGpu(index=0, inforom_valid=True),))).findings == ()
