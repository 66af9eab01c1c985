"""gpu.inforom-corrupted"""

from __future__ import annotations

import re
from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.cards import card
from envdoctor.diagnose.said import pointing_at
from envdoctor.facts import Evidence, Messages, Nvml

CORRUPTED = 14
AT = re.compile(r"[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-7]")


@check("gpu.inforom-corrupted", fields=("nvml.gpus|messages.messages",))
def inforom_corrupted(nvml: Nvml | None, messages: Messages | None) -> Iterator[Finding]:
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
    told: set[int] = set()
    for gpu in nvml.gpus if nvml is not None else ():
        if gpu.inforom_valid is False or gpu.error == CORRUPTED:
            told.add(gpu.index)
            evidence = gpu.says("error" if gpu.error == CORRUPTED else "inforom_valid")
            yield _finding(f"GPU {gpu.index}", evidence, gpu.index, no_handle=gpu.error == CORRUPTED)
    for said in pointing_at(messages, "gpu.inforom-corrupted")[:1]:
        address = AT.search(said.text)
        place = address[0] if address is not None else None
        named = nvml.gpu_at(place) if nvml is not None else None
        if messages is not None and (named is None or named.index not in told) and not (named is None and told):
            index = named.index if named is not None else None
            yield _finding(card(named, place), messages.says("messages", said.text), index)


def _finding(where: str, evidence: Evidence, gpu: int | None, *, no_handle: bool = False) -> Finding:
    return Finding(
        title=f"{where}: its infoROM is corrupted (NVML {CORRUPTED})",
        severity="error" if no_handle else "warning",
        detail="Its record of memory errors and repairs cannot be trusted.",
        evidence=(evidence,),
        fix=(
            Fix("Restart the machine, and look whether the warning stays", "sudo reboot"),
            Fix("If it stays, have the card replaced; write NVIDIA's report for it", "sudo nvidia-bug-report.sh"),
        ),
        gpu=gpu,
    )
