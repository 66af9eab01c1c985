"""gpu.reset-required"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, Severity, check
from envdoctor.diagnose.cards import reset
from envdoctor.facts import Nvml, NvmlGpu

RESET_REQUIRED = 16
ACTIONS: dict[int, tuple[str, Severity]] = {
    1: ("reset the GPU", "error"),
    2: ("restart the machine", "error"),
    3: ("drain peer-to-peer traffic", "warning"),
    4: ("drain and reset the GPU", "error"),
    5: ("IMEX domain recovery", "warning"),
    6: ("reset the bus", "error"),
    7: ("restart the system", "error"),
}
"""nvmlDeviceGpuRecoveryAction (field 230), as the card says it."""


@check("gpu.reset-required", fields=("nvml.gpus",), explains=("cuda.init-failed", "gpu.xid-errors", "gpu.ecc-errors"))
def reset_required(nvml: Nvml) -> Iterator[Finding]:
    """The driver says that the GPU must be reset, or the machine restarted, before it can be used again.

    What it means:
    After an error that it could not contain the driver notes what recovers the card. Until that is done, new work fails or runs on a card
    in an unknown state.

    How to confirm it by hand:
    `nvidia-smi -q | grep -i 'recovery action'`; `sudo dmesg | grep -i xid` tells what happened (Xid 154 notes the action).

    Ways out:
    Take the jobs off the node, then do what it says: `sudo nvidia-smi -r -i N` with nothing using the card (behind NVSwitches it can
    take all GPUs together), or a restart of the machine. Draining peer-to-peer: let jobs that use this GPU together with others end, and start no new
    ones on it. IMEX: restart nvidia-imex on every node of the domain. If the action is there again after that, have the card tested.

    Often mistaken for:
    A hang of the program that ran at the time.
    """
    for gpu in nvml.gpus:
        if gpu.error == RESET_REQUIRED:
            yield _finding(gpu, "NVML says that it requires a reset (16)", "error", "error")
        elif gpu.recovery_action in ACTIONS:
            action, severity = ACTIONS[gpu.recovery_action]
            yield _finding(gpu, f"recovery action {gpu.recovery_action}: {action}", severity, "recovery_action")


def _finding(gpu: NvmlGpu, what: str, severity: Severity, field: str) -> Finding:
    return Finding(
        title=f"GPU {gpu.index}: {what}",
        severity=severity,
        evidence=(gpu.says(field),),
        fix=_fix(gpu),
        gpu=gpu.index,
    )


def _fix(gpu: NvmlGpu) -> tuple[Fix, ...]:
    if gpu.recovery_action in (2, 7):
        return (Fix("Take the jobs off, and restart the machine", "sudo reboot"),)
    if gpu.recovery_action == 6:
        return (Fix("Take the jobs off, and restart the machine: that resets the bus too", "sudo reboot"),)
    if gpu.recovery_action == 3:
        return (
            Fix(
                "Let the jobs end that use it together with other GPUs, then look again",
                "nvidia-smi -q | grep -i 'recovery action'",
            ),
        )
    if gpu.recovery_action == 5:
        return (Fix("Restart IMEX on every node of the domain", "sudo systemctl restart nvidia-imex"),)
    return (reset(gpu.index),)
