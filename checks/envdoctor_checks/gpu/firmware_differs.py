"""gpu.firmware-differs"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.cards import usual
from envdoctor.facts import Nvml, NvmlGpu

FIRMWARE = {
    "vbios_version": ("VBIOS", "nvidia-smi --query-gpu=index,name,vbios_version --format=csv"),
    "gsp_firmware_version": ("GSP firmware", "nvidia-smi -q | grep -i 'gsp firmware'"),
}
"""Field to what it is called, and what shows it of every card."""


@check("gpu.firmware-differs", fields=("nvml.gpus",))
def firmware_differs(nvml: Nvml) -> Iterator[Finding]:
    """One GPU has another firmware than the others of its model in this machine.

    What it means:
    Cards of one model in one server come with one VBIOS. A card that was replaced often has an older or newer one; power limits, clocks and
    known faults go with it. The GSP's firmware comes with the driver: where it differs, a card was not reset after an update.

    How to confirm it by hand:
    `nvidia-smi --query-gpu=index,name,vbios_version --format=csv`; `nvidia-smi -q | grep -i 'gsp firmware'`.

    Ways out:
    Ask the vendor of the server for the firmware bundle of this model, and bring all cards to one. In a workstation whose cards were
    bought one by one it means nothing.

    Often mistaken for:
    A slow card (compute.slow): it can be the reason for one.
    """
    for name in sorted({gpu.name for gpu in nvml.gpus if gpu.name}):
        cards = [gpu for gpu in nvml.gpus if gpu.name == name]
        for field in FIRMWARE:
            yield from _odd(cards, field)


def _odd(cards: list[NvmlGpu], field: str) -> Iterator[Finding]:
    what, command = FIRMWARE[field]
    known = [gpu for gpu in cards if getattr(gpu, field)]
    common = usual(getattr(gpu, field) for gpu in known)
    for gpu in known:
        value = getattr(gpu, field)
        if common is not None and value != common:
            others = sum(getattr(other, field) == common for other in known)
            yield Finding(
                title=f"GPU {gpu.index}: {what} {value}; {others} others of its model have {common}",
                severity="info",
                evidence=(gpu.says(field),),
                fix=(Fix("Compare them", command),),
                gpu=gpu.index,
            )
