from __future__ import annotations

import pytest

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Nvml, NvmlGpu
from envdoctor_checks.gpu.reset_required import reset_required
from healthy import NVML


def test_fires_on_the_cards_own_word() -> None:
    [finding] = judge(reset_required, Nvml(gpus=(NvmlGpu(index=0), NvmlGpu(index=3, recovery_action=2)))).findings
    assert (finding.title, finding.severity, finding.gpu) == (
        "GPU 3: recovery action 2: restart the machine",
        "error",
        3,
    )
    assert finding.fix[0].command == "sudo reboot"


@pytest.mark.parametrize(
    ("action", "severity", "command"),
    [
        (1, "error", "sudo nvidia-smi -r -i 0"),
        (3, "warning", "nvidia-smi -q | grep -i 'recovery action'"),
        (4, "error", "sudo nvidia-smi -r -i 0"),
        (5, "warning", "sudo systemctl restart nvidia-imex"),
        (6, "error", "sudo reboot"),
        (7, "error", "sudo reboot"),
    ],
)
def test_the_fix_is_what_the_card_says(action: int, severity: str, command: str) -> None:
    [finding] = judge(reset_required, Nvml(gpus=(NvmlGpu(index=0, recovery_action=action),))).findings
    assert (finding.severity, finding.fix[0].command) == (severity, command)


def test_fires_on_nvmls_code() -> None:
    [finding] = judge(reset_required, Nvml(gpus=(NvmlGpu(index=1, error=16),))).findings
    assert finding.title == "GPU 1: NVML says that it requires a reset (16)"


def test_silent_where_nothing_is_to_be_done_or_known() -> None:
    assert judge(reset_required, NVML).findings == ()
    assert judge(reset_required, Nvml(gpus=(NvmlGpu(index=0, recovery_action=0),))).findings == ()
