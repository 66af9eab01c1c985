"""gpu.ecc-off"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.facts import Nvml


@check("gpu.ecc-off", fields=("nvml.gpus",))
def ecc_off(nvml: Nvml) -> Iterator[Finding]:
    """ECC is off on a card that comes with it on: errors of its memory are neither corrected nor told.

    What it means:
    Somebody switched it off, for some more memory or bandwidth. A bit that flips then changes results, or a loss turns NaN, and no counter and
    no Xid says why. It is a note: the card works.

    How to confirm it by hand:
    `nvidia-smi --query-gpu=index,ecc.mode.current,ecc.mode.pending --format=csv`.

    Ways out:
    `sudo nvidia-smi -i N -e 1`, then reset the GPU. Leave it where it is meant.

    Often mistaken for:
    A card without ECC, which says "N/A" in place of "Disabled".
    """
    for gpu in nvml.gpus:
        if gpu.ecc_default and gpu.ecc_enabled is False and gpu.ecc_pending is not True:
            yield Finding(
                title=f"GPU {gpu.index}: ECC is off; its default is on",
                severity="info",
                evidence=(gpu.says("ecc_enabled"), gpu.says("ecc_default")),
                fix=(
                    Fix("Switch it on unless it is meant, then reset the GPU", f"sudo nvidia-smi -i {gpu.index} -e 1"),
                ),
                gpu=gpu.index,
            )
