"""gpu.inforom-corrupted"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.facts import Nvml

CORRUPTED = 14


@check("gpu.inforom-corrupted", fields=("nvml.gpus",))
def inforom_corrupted(nvml: Nvml) -> Iterator[Finding]:
    """The checksums of the card's infoROM are wrong: what it keeps about itself in flash cannot be trusted.

    What it means:
    The infoROM is a small memory on the card that holds its serial number, its settings and the record of its memory errors and repairs. The
    card often works on, but what it says of its errors and repairs cannot be trusted any more.

    How to confirm it by hand:
    `nvidia-smi` prints "WARNING: infoROM is corrupted at gpu …" under its table; `nvidia-smi -q | grep -A6 -i inforom`.

    Ways out:
    Reset the card or restart the machine. If the warning stays, have the card replaced: the report that the vendor wants is written by
    `sudo nvidia-bug-report.sh`.

    Often mistaken for:
    A driver fault: another driver says the same.
    """
    for gpu in nvml.gpus:
        if gpu.inforom_valid is False or gpu.error == CORRUPTED:
            yield Finding(
                title=f"GPU {gpu.index}: its infoROM is corrupted (NVML {CORRUPTED})",
                severity="error" if gpu.error == CORRUPTED else "warning",
                detail="Its record of memory errors and repairs cannot be trusted.",
                evidence=(gpu.says("error" if gpu.error == CORRUPTED else "inforom_valid"),),
                fix=(
                    Fix("Restart the machine, and look whether the warning stays", "sudo reboot"),
                    Fix(
                        "If it stays, have the card replaced; write NVIDIA's report for it", "sudo nvidia-bug-report.sh"
                    ),
                ),
                gpu=gpu.index,
            )
