"""gpu.xid-errors"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.facts import KernelLog, Nvml, XidEvent
from envdoctor.knowledge.xids import xid

NEEDS_ACTION = ("critical", "fatal")
"""Severities of the table that ask for something: a reset of the GPU; taking it out of service."""
OLD = 24 * 3600.0
"""Seconds before the newest line of the log after which an Xid is history: a node must not stay condemned by it."""


@check("gpu.xid-errors", fields=("kernel_log.xids",), explains=("compute.hung", "compute.kernel-failed"))
def xid_errors(kernel_log: KernelLog, nvml: Nvml | None) -> Iterator[Finding]:
    """The kernel log of this boot has Xid errors that need action: a reset, a restart, or another card.

    What it means:
    The driver writes an Xid for every error of a card. Many are a program's own fault (13, 31, 43, 45) and mean nothing for the card; some
    ask for a reset of the GPU, a restart of the machine, or a look at the hardware. The action is NVIDIA's own.

    How to confirm it by hand:
    `sudo dmesg | grep -i xid`.

    Ways out:
    Do what the code asks for. If it comes back after that, have the card tested.

    Often mistaken for:
    A crash of the program that was running: it is only the one that noticed.
    """
    newest = max((event.time or 0.0 for event in kernel_log.xids), default=0.0)
    recent = [event for event in kernel_log.xids if event.time is None or event.time >= newest - OLD]
    worst: dict[str | None, XidEvent] = {}
    for event in recent:
        row = xid(event.code)
        if row is not None and row.severity in NEEDS_ACTION:
            known = worst.get(event.pci)
            if known is None or _rank(event) > _rank(known):
                worst[event.pci] = event
    for pci, event in worst.items():
        row = xid(event.code)
        assert row is not None
        gpu = _index(pci, nvml)
        where = f"GPU {gpu}" if gpu is not None else f"GPU at {pci}"
        count = sum(other.code == event.code and other.pci == pci for other in recent)
        yield Finding(
            title=f"{where}: Xid {event.code} ({row.meaning}){f', {count} times' if count > 1 else ''}"[:100],
            severity="error" if row.severity == "fatal" else "warning",
            detail=f"NVIDIA's action: {row.action}." if row.action else "",
            evidence=(kernel_log.says("xids", event.text),),
            fix=(_fix(row.severity, gpu),),
            gpu=gpu,
        )


def _rank(event: XidEvent) -> int:
    row = xid(event.code)
    return NEEDS_ACTION.index(row.severity) if row is not None and row.severity in NEEDS_ACTION else -1


def _index(pci: str | None, nvml: Nvml | None) -> int | None:
    """NVML's index of the card at a PCI address, written with or without a function."""
    for gpu in nvml.gpus if nvml is not None else ():
        address = (gpu.pci_bus_id or "").lower()
        if pci and address and address[-len("0000:01:00.0") :].startswith(pci[:10]):
            return gpu.index
    return None


def _fix(severity: str, gpu: int | None) -> Fix:
    if severity == "critical":
        which = f" -i {gpu}" if gpu is not None else ""
        return Fix("Reset the GPU (nothing may use it), or restart the machine", f"sudo nvidia-smi -r{which}")
    return Fix("Restart the machine; if it comes back, have the card tested", "sudo reboot")
