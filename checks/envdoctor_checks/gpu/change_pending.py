"""gpu.change-pending"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, check
from envdoctor.diagnose.cards import reset
from envdoctor.facts import Nvml, NvmlGpu

WORDS = {False: "off", True: "on"}


@check("gpu.change-pending", fields=("nvml.gpus",))
def change_pending(nvml: Nvml) -> Iterator[Finding]:
    """A change of ECC or MIG mode was ordered, and waits for a reset of the GPU.

    What it means:
    Somebody switched ECC or MIG on or off (`nvidia-smi -e`, `-mig`). The card works in its old mode until it is reset: MIG instances
    cannot be made yet, or the memory that ECC takes is not free yet.

    How to confirm it by hand:
    `nvidia-smi --query-gpu=index,ecc.mode.current,ecc.mode.pending,mig.mode.current,mig.mode.pending --format=csv`.

    Ways out:
    Reset the GPU with no process on it, or restart the machine; or take the change back with the same command.

    Often mistaken for:
    A setting that "does not stick".
    """
    for gpu in nvml.gpus:
        yield from _pending(gpu, "ECC", gpu.ecc_enabled, gpu.ecc_pending, "ecc_pending")
        if gpu.mig_mode is not None and gpu.mig_mode_pending is not None:
            yield from _pending(gpu, "MIG", bool(gpu.mig_mode), bool(gpu.mig_mode_pending), "mig_mode_pending")


def _pending(gpu: NvmlGpu, what: str, now: bool | None, later: bool | None, field: str) -> Iterator[Finding]:
    if now is None or later is None or now == later:
        return
    yield Finding(
        title=f"GPU {gpu.index}: {what} is {WORDS[now]}, and will be {WORDS[later]} after a reset",
        severity="info",
        evidence=(gpu.says(field),),
        fix=(reset(gpu.index),),
        gpu=gpu.index,
    )
