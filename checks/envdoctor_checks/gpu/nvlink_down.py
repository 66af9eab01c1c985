"""gpu.nvlink-down"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.facts import KernelLog, Nvml

NVLINK_XIDS = (74, *range(144, 151))
"""Xids of NVLink itself (NVIDIA's catalogue)."""


@check("gpu.nvlink-down", fields=("nvml.gpus|kernel_log.xids",), explains=("nccl.transport", "gpu.xid-errors"))
def nvlink_down(nvml: Nvml | None, kernel_log: KernelLog | None) -> Iterator[Finding]:
    """An NVLink is inactive where the card's other links, or the same link of other cards, are active.

    What it means:
    Traffic between the GPUs goes over fewer links, or over PCIe: collectives slow down by a multiple. Some boards leave links unused by
    design, and then the same number on every card; a link that is missing on one card only is a fault of cable, bridge, baseboard or card.

    How to confirm it by hand:
    `nvidia-smi nvlink -s`.

    Ways out:
    Reset the GPUs together (`sudo nvidia-smi -r`), restart the fabric manager, seat bridges anew. If it stays, have the board tested.

    Often mistaken for:
    A slow network, or NCCL settings.
    """
    gpus = nvml.gpus if nvml is not None else ()
    events = [event for event in (kernel_log.xids if kernel_log is not None else ()) if event.code in NVLINK_XIDS]
    if kernel_log is not None and events and not any(gpu.nvlinks for gpu in gpus):
        yield Finding(
            title=f"GPU at {events[-1].pci}: NVLink error (Xid {events[-1].code}){f', {len(events)} times' if len(events) > 1 else ''}",
            severity="warning",
            evidence=(kernel_log.says("xids", events[-1].text),),
            fix=(Fix("See the links and their errors", "nvidia-smi nvlink -s; nvidia-smi nvlink -e"),),
            confidence="likely",
        )
    counts = {gpu.index: sum(gpu.nvlinks) for gpu in gpus if gpu.nvlinks and any(gpu.nvlinks)}
    usual = Counter(counts.values()).most_common(1)[0][0] if len(counts) > 2 else None
    for gpu in gpus:
        links = gpu.nvlinks or ()
        active = sum(links)
        if not active or active == len(links):
            continue
        if usual is not None and active >= usual:
            continue  # the board has no more
        down = [number for number, on in enumerate(links) if not on]
        yield Finding(
            title=f"GPU {gpu.index}: {active} of {len(links)} NVLinks are active; link {', '.join(map(str, down[:6]))} is not"[
                :100
            ],
            severity="warning",
            evidence=(gpu.says("nvlinks", f"{active} of {len(links)} active"),),
            fix=(
                Fix("See the links", "nvidia-smi nvlink -s"),
                Fix("Reset the GPUs (nothing may use them), or restart the machine", "sudo nvidia-smi -r"),
            ),
            gpu=gpu.index,
            confidence="certain" if usual is not None else "likely",
        )
