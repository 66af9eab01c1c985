"""gpu.nvswitch-errors"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.cards import is_history
from envdoctor.facts import KernelLog, SxidEvent


@check(
    "gpu.nvswitch-errors",
    fields=("kernel_log.sxids",),
    explains=("gpu.nvlink-down", "gpu.fabric-unhealthy", "nccl.transport"),
)
def nvswitch_errors(kernel_log: KernelLog) -> Iterator[Finding]:
    """An NVSwitch reported an error (SXid) in the kernel log of this boot.

    What it means:
    The switches between the GPUs of an HGX or DGX machine have errors of their own, which the driver writes as SXid with the word Fatal or
    Non-fatal. After a fatal one the links of that switch are down until it is reset; jobs over several GPUs end or hang. Non-fatal ones
    were handled, and are a note.

    How to confirm it by hand:
    `sudo dmesg | grep -i sxid`; `nvidia-smi nvlink -s` shows which links are down; `journalctl -u nvidia-fabricmanager -b`.

    Ways out:
    Take the jobs off the node, stop the fabric manager, reset all GPUs and switches together (`sudo nvidia-smi -r`), start the fabric manager
    again; or restart the machine. If the same switch or link comes back, have the baseboard tested.

    Often mistaken for:
    A faulty GPU: several GPUs lose links at once where a switch is at fault. Or NCCL, which hangs or times out.
    """
    events = kernel_log.sxids
    for switch in dict.fromkeys(event.switch for event in events):
        mine = [event for event in events if event.switch == switch]
        fatal = [event for event in mine if event.fatal and not is_history(event, kernel_log)]
        yield _finding(kernel_log, fatal[-1] if fatal else mine[-1], mine, serious=bool(fatal))


def _finding(log: KernelLog, event: SxidEvent, mine: list[SxidEvent], *, serious: bool) -> Finding:
    count = sum(other.code == event.code for other in mine)
    kind = "fatal" if event.fatal else "non-fatal"
    return Finding(
        title=f"{event.switch}: {kind} SXid {event.code}{f', {count} times' if count > 1 else ''}",
        severity="warning" if serious else "info",
        detail="Links of this switch are down until it is reset."
        if serious
        else "It was handled, or is older than a day.",
        evidence=(log.says("sxids", event.text),),
        fix=(
            Fix(
                "Stop the fabric manager, reset all GPUs and switches together, and start it again",
                "sudo nvidia-smi -r",
            ),
        )
        if serious
        else (),
    )
