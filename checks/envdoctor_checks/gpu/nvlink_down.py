"""gpu.nvlink-down"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from envdoctor.diagnose.api import Finding, Fix, Severity, check
from envdoctor.diagnose.cards import card, usual
from envdoctor.facts import KernelLog, Nvml, NvmlGpu

NVLINK_XIDS = (74, *range(144, 151))
"""Xids of NVLink itself (NVIDIA's catalogue)."""
MANY_SENT_AGAIN = 10_000
"""Since the driver was loaded. DCGM's limit is a rate (100 a second), which one look does not see; below this nothing is worth a word."""


RESET = Fix("Reset the GPUs (nothing may use them), or restart the machine", "sudo nvidia-smi -r")


@check("gpu.nvlink-down", fields=("nvml.gpus|kernel_log.xids",), explains=("nccl.transport", "gpu.xid-errors"))
def nvlink_down(nvml: Nvml | None, kernel_log: KernelLog | None) -> Iterator[Finding]:
    """An NVLink is inactive, slow or has errors where the card's other links, or those of other cards, are well.

    What it means:
    Traffic between the GPUs goes over fewer links, or over PCIe: collectives slow down by a multiple. Some boards leave links unused by
    design, and then the same number on every card; a link that is missing on one card only is a fault of cable, bridge, baseboard or card.
    Of a card that has no equal beside it nobody can tell: the last links of it are a note, a gap between active ones is told.
    A link that was trained anew (recovery) is on its way there. Packets that were sent again (replay, CRC) are a note.

    How to confirm it by hand:
    `nvidia-smi nvlink -s` shows the links and their speed, `nvidia-smi nvlink -e` their errors.

    Ways out:
    Reset the GPUs together (`sudo nvidia-smi -r`), restart the fabric manager, seat bridges anew. If it stays, have the board tested.

    Often mistaken for:
    A slow network, or NCCL settings.
    """
    gpus = nvml.gpus if nvml is not None else ()
    events = [event for event in (kernel_log.xids if kernel_log is not None else ()) if event.code in NVLINK_XIDS]
    if kernel_log is not None and events and not any(gpu.nvlinks for gpu in gpus):
        yield Finding(
            title=f"{card(None, events[-1].pci)}: NVLink error (Xid {events[-1].code}){f', {len(events)} times' if len(events) > 1 else ''}",
            severity="warning",
            evidence=(kernel_log.says("xids", events[-1].text),),
            fix=(Fix("See the links and their errors", "nvidia-smi nvlink -s; nvidia-smi nvlink -e"),),
            confidence="likely",
        )
    for gpu in gpus:
        yield from _errors(gpu)
    yield from _slow(gpus)
    for gpu in gpus:
        yield from _inactive(gpu, [other for other in gpus if other is not gpu and other.name == gpu.name])


def _inactive(gpu: NvmlGpu, others: Sequence[NvmlGpu]) -> Iterator[Finding]:
    """Links that the other cards of the model have and this one lacks. Where nobody can compare, a gap between active ones is still a
    fault; the last ones can be those that a bridge or a board leaves unused: a note."""
    links = gpu.nvlinks or ()
    active = sum(links)
    theirs = [sum(other.nvlinks) for other in others if other.nvlinks and any(other.nvlinks)]
    common = theirs[0] if len(theirs) == 1 else usual([active, *theirs])
    if not active or active == len(links) or (isinstance(common, int) and active >= common):
        return  # bridges that are not there, or a board that has no more
    gap = links[:active] != (True,) * active
    down = ", ".join(str(number) for number, on in enumerate(links) if not on)
    yield Finding(
        title=f"GPU {gpu.index}: {active} of {len(links)} NVLinks are active; link {down} is not",
        severity="warning" if common is not None or gap else "info",
        evidence=(gpu.says("nvlinks", f"{active} of {len(links)} active"),),
        fix=(Fix("See the links", "nvidia-smi nvlink -s"), RESET),
        gpu=gpu.index,
        confidence="certain" if len(theirs) > 1 else "likely",
    )


def _errors(gpu: NvmlGpu) -> Iterator[Finding]:
    """A link that had to be trained anew is ill; what was sent again cost a little time, and is a note where it is much."""
    errors = gpu.nvlink_errors or {}
    failed, recovered = errors.get("recovery-failed", 0), errors.get("recovery", 0)
    again = errors.get("replay", 0) + errors.get("crc", 0)
    links = f" (link {', '.join(map(str, gpu.nvlink_recovered[:4]))})" if gpu.nvlink_recovered else ""
    severity: Severity = "warning"
    if failed:
        what = f"an NVLink could not be trained anew {failed} time{'s' * (failed > 1)}"
    elif recovered:
        what = f"{recovered} NVLink recover{'ies' if recovered > 1 else 'y'} since the driver was loaded{links}"
    elif again >= MANY_SENT_AGAIN:
        severity, what = "info", f"{again} NVLink packets were sent again since the driver was loaded"
    else:
        return
    yield Finding(
        title=f"GPU {gpu.index}: {what}",
        severity=severity,
        detail="A link that has errors slows down every collective that crosses it.",
        evidence=(gpu.says("nvlink_errors", ", ".join(f"{kind} {count}" for kind, count in errors.items())),),
        fix=(
            Fix("See the errors of every link", f"nvidia-smi nvlink -e -i {gpu.index}"),
            Fix(
                "Seat bridges and baseboard anew; if they come back, have the board tested", "sudo nvidia-bug-report.sh"
            ),
        ),
        gpu=gpu.index,
        confidence="likely",
    )


def _slow(gpus: Sequence[NvmlGpu]) -> Iterator[Finding]:
    """A card whose links run slower than those of the others of its model."""
    for gpu in gpus:
        common = usual(other.nvlink_mbps for other in gpus if other.name == gpu.name and other.nvlink_mbps)
        if isinstance(common, int) and gpu.nvlink_mbps and gpu.nvlink_mbps < common:
            yield Finding(
                title=f"GPU {gpu.index}: its NVLinks run at {gpu.nvlink_mbps} MB/s; those of the others at {common} MB/s",
                severity="warning",
                evidence=(gpu.says("nvlink_mbps"),),
                fix=(RESET,),
                gpu=gpu.index,
            )
