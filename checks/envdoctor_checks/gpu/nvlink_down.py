"""gpu.nvlink-down"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.facts import Nvml


@check("gpu.nvlink-down", fields=("nvml.gpus",), explains=("nccl.transport",))
def nvlink_down(nvml: Nvml) -> Iterator[Finding]:
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
    counts = {gpu.index: sum(gpu.nvlinks) for gpu in nvml.gpus if gpu.nvlinks and any(gpu.nvlinks)}
    usual = Counter(counts.values()).most_common(1)[0][0] if len(counts) > 2 else None
    for gpu in nvml.gpus:
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
