"""gpu.xid-errors"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.cards import age, card, is_history, reset
from envdoctor.diagnose.predicates import cuda_works
from envdoctor.facts import CudaDriver, KernelLog, Nvml, NvmlGpu, TorchRuntime, XidEvent
from envdoctor.knowledge.xids import XidRow, xid

NEEDS_ACTION = ("critical", "fatal")
"""Severities of the table that ask for something: a reset of the GPU; taking it out of service."""


@check("gpu.xid-errors", fields=("kernel_log.xids",), explains=("compute.hung", "compute.kernel-failed"))
def xid_errors(
    kernel_log: KernelLog, nvml: Nvml | None, cuda_driver: CudaDriver | None, torch_runtime: TorchRuntime | None
) -> Iterator[Finding]:
    """The kernel log of this boot has Xid errors that need action: a reset, a restart, or another card.

    What it means:
    The driver writes an Xid for every error of a card. Many are a program's own fault (13, 31, 43, 45) and mean nothing for the card; some
    ask for a reset of the GPU, a restart of the machine, or a look at the hardware. The action is NVIDIA's own. Those of programs, those
    older than a day, and those after which the card says that nothing is to be done, are noted and are no failure.

    How to confirm it by hand:
    `sudo dmesg | grep -i xid`.

    Ways out:
    Take the jobs off the node and do what the code asks for. If it comes back after that, have the card tested. A program's Xid on one
    GPU only, again and again, is a reason to test that GPU too.

    Often mistaken for:
    A crash of the program that was running: it is only the one that noticed.
    """
    for pci in dict.fromkeys(event.pci for event in kernel_log.xids):
        events = [event for event in kernel_log.xids if event.pci == pci]
        gpu = nvml.gpu_at(pci) if nvml is not None else None
        yield _of_card(events, kernel_log, gpu, works=cuda_works(cuda_driver, torch_runtime))


def _of_card(events: list[XidEvent], log: KernelLog, gpu: NvmlGpu | None, *, works: bool) -> Finding:
    """The worst Xid of one card that is not history; else the newest, as a note."""
    serious = [event for event in events if _rank(event) >= 0 and not is_history(event, log)]
    event = max(serious, key=_rank) if serious else events[-1]
    row = xid(event.code)
    count = sum(other.code == event.code for other in events)
    meaning = row.meaning if row is not None else "not in NVIDIA's catalogue"
    times = f", {count} times" if count > 1 else ""
    detail = [f"NVIDIA's action: {row.action}."] if row is not None and row.action else []
    if is_history(event, log):
        detail.append(f"It is {age(event, log) / 3600:.0f} hours old.")
    elif not serious and row is not None and "application" in row.category:
        detail.append("It is mostly the program's own fault.")
    recovered = gpu is not None and gpu.recovery_action == 0
    if serious and recovered:
        detail.append("The card itself says that nothing is to be done now.")
    fatal = row is not None and row.severity == "fatal" and not (works and gpu is not None and not gpu.error)
    return Finding(
        title=f"{card(gpu, event.pci)}: Xid {event.code} ({meaning}){times}",
        severity="info" if not serious or (recovered and not fatal) else "error" if fatal else "warning",
        detail=" ".join(detail),
        evidence=(log.says("xids", event.text),),
        fix=_fix(row, gpu.index if gpu is not None else None) if serious else (),
        gpu=gpu.index if gpu is not None else None,
    )


def _rank(event: XidEvent) -> int:
    row = xid(event.code)
    return NEEDS_ACTION.index(row.severity) if row is not None and row.severity in NEEDS_ACTION else -1


def _fix(row: XidRow | None, gpu: int | None) -> tuple[Fix, ...]:
    if row is not None and row.severity == "critical" and "reset" in row.action:
        return (reset(gpu),)
    if row is not None and "reset" not in row.action and "reboot" not in row.action:
        return (Fix(f"Do what NVIDIA asks for: {row.action}", "sudo nvidia-bug-report.sh"),)
    return (Fix("Restart the machine; if it comes back, have the card tested", "sudo reboot"),)
