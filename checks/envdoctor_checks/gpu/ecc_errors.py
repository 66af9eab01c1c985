"""gpu.ecc-errors"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, Severity, check
from envdoctor.diagnose.cards import replace, reset
from envdoctor.diagnose.measured import on_gpu, place
from envdoctor.facts import DeviceWork, Nvml, NvmlGpu, Work

REMAPS_AT_MOST = 512
"""Rows of one bank's reserve: DCGM's limit for replacing a card."""
RETIRED_AT_MOST = 63
"""Retired pages at which NVIDIA replaces a card from before Ampere."""
MANY_CORRECTED = 20_000_000
"""Azure's limit for memory (its node health checks); Meta's is 50 million."""
STORM = 10
"""Corrected errors a second under load: DCGM's limit. A card whose memory fails has thousands, and none while it idles."""
FIELDS = (
    *("ecc_uncorrected_volatile", "ecc_uncorrected_aggregate", "sram_uncorrected_aggregate", "sram_threshold_exceeded"),
    *("remapped_uncorrectable", "remap_pending", "remap_failed", "retired_pages", "retired_pending"),
    "ecc_corrected_volatile",
)
"""What is shown of a card, where it is neither zero nor unknown."""
SPARE = ("all", "many", "some", "few", "none")


@check("gpu.ecc-errors", fields=("nvml.gpus|work.devices",), explains=("compute.wrong-result",))
def ecc_errors(nvml: Nvml | None, work: Work | None) -> Iterator[Finding]:
    """The GPU's memory has uncorrectable errors, or repairs of it wait for a reset or failed.

    What it means:
    Memory with ECC corrects single bits and reports the rest. An uncorrectable error ends the program that met it; the row is then replaced
    by a spare one (Ampere and later) or its page retired, which takes effect at the next reset. Where a replacement failed, no spare row is
    left, or the card says that its SRAM had more errors than its threshold allows, no reset mends it: the card is to be replaced.
    Rows that were replaced long ago, and errors that were corrected, are no fault. Where the card says that nothing is to be done
    (recovery action none), the errors were contained: only the programs that met them ended.

    How to confirm it by hand:
    `nvidia-smi -q -d ECC,ROW_REMAPPER,PAGE_RETIREMENT`; `sudo dmesg | grep -i xid` (48, 63, 64, 94, 95, 171, 172).

    Ways out:
    Pending: take the jobs off the node and reset the GPU (`sudo nvidia-smi -r -i N`; behind NVSwitches it can take all GPUs together), or
    restart the machine. Failed, exceeded, or again and again after a reset: run NVIDIA's report (`sudo nvidia-bug-report.sh`), and have the
    card replaced; until then leave it out with CUDA_VISIBLE_DEVICES, or drain the node.

    Often mistaken for:
    A bug of the program, whose loss turns NaN or which ends with "uncorrectable ECC error encountered".
    """
    told: dict[int | None, Severity] = {}
    for gpu in nvml.gpus if nvml is not None else ():
        for finding in _judge(gpu):
            told[gpu.index] = finding.severity
            yield finding
    for device in on_gpu(work) if work is not None else ():
        if told.get(device.gpu) != "error":
            yield from _under_load(device, known=device.gpu in told)


def _under_load(device: DeviceWork, *, known: bool) -> Iterator[Finding]:
    """What its counters grew by while it worked: a storm that an idle card does not show."""
    load, seconds = device.load, device.seconds or 0.0
    if load is None:
        return
    if load.ecc_uncorrected:
        what, field = f"{load.ecc_uncorrected} uncorrectable memory errors while it worked", "ecc_uncorrected"
    elif not known and load.ecc_corrected and load.ecc_corrected >= STORM * max(seconds, 1.0):
        what, field = f"{load.ecc_corrected} memory errors corrected in {seconds:.0f} s of work", "ecc_corrected"
    else:
        return
    yield Finding(
        title=f"{place(device)}: {what}",
        severity="error" if load.ecc_uncorrected else "warning",
        detail="Its memory is failing.",
        evidence=(load.says(field),),
        fix=(replace(),),
        gpu=device.gpu,
    )


def _judge(gpu: NvmlGpu) -> Iterator[Finding]:
    """The worst of one card; what else is known of it is the evidence."""
    banks = gpu.remap_banks or ()
    spent = banks[-1] if banks else 0
    if gpu.remap_failed:
        yield _finding(gpu, "replacing a row of memory failed", "error", worn=True)
    elif gpu.sram_threshold_exceeded:
        count = f" ({gpu.sram_uncorrected_aggregate} uncorrectable)" if gpu.sram_uncorrected_aggregate else ""
        yield _finding(gpu, f"more errors in its SRAM than its threshold allows{count}", "error", worn=True)
    elif (gpu.remapped_uncorrectable or 0) >= REMAPS_AT_MOST:
        rows = f"{gpu.remapped_uncorrectable} rows of memory replaced; {REMAPS_AT_MOST} is the limit"
        yield _finding(gpu, rows, "error", worn=True)
    elif (gpu.retired_pages or 0) >= RETIRED_AT_MOST:
        yield _finding(gpu, f"{gpu.retired_pages} retired pages; {RETIRED_AT_MOST} is the limit", "error", worn=True)
    elif gpu.ecc_uncorrected_volatile:
        pending = "; a repair waits for a reset" if gpu.remap_pending or gpu.retired_pending else ""
        errors = f"{gpu.ecc_uncorrected_volatile} uncorrectable memory errors since the driver was loaded{pending}"
        contained = gpu.recovery_action == 0 and not pending
        yield _finding(gpu, errors, "warning" if contained else "error")
    elif gpu.remap_pending:
        yield _finding(gpu, "a row of memory waits for a reset to be replaced", "warning")
    elif gpu.retired_pending:
        yield _finding(gpu, "a page of memory waits for a reset to be retired", "warning")
    elif spent:
        yield _finding(gpu, f"{spent} of {sum(banks)} banks of memory have no spare row left", "warning", worn=True)
    elif (gpu.ecc_corrected_volatile or 0) >= MANY_CORRECTED:
        millions = (gpu.ecc_corrected_volatile or 0) / 1e6
        yield _finding(gpu, f"{millions:.0f} million memory errors corrected since the driver was loaded", "info")


def _finding(gpu: NvmlGpu, what: str, severity: Severity, *, worn: bool = False) -> Finding:
    seen = [gpu.says(name) for name in FIELDS if getattr(gpu, name)]
    if gpu.remap_banks and gpu.remap_banks[-1]:
        left = ", ".join(f"{count} {spare}" for count, spare in zip(gpu.remap_banks, SPARE, strict=False))
        seen.append(gpu.says("remap_banks", f"banks by the spare rows left: {left}"))
    mends = () if severity == "info" else (reset(gpu.index),)  # what was corrected needs no repair
    watch = Fix("Watch the counters: if they grow again, have the card replaced", f"{_SHOW} -i {gpu.index}")
    return Finding(
        title=f"GPU {gpu.index}: {what}",
        severity=severity,
        detail=_detail(gpu, severity, worn=worn),
        evidence=tuple(seen),
        fix=(replace(),) if worn else (*mends, watch),
        gpu=gpu.index,
    )


def _detail(gpu: NvmlGpu, severity: Severity, *, worn: bool) -> str:
    if severity == "info":
        return "They were corrected: no result is wrong by them. So many announce worse."
    if severity == "warning" and worn:
        return "The next error in one of them cannot be repaired."
    if severity == "warning" and gpu.ecc_uncorrected_volatile and gpu.recovery_action == 0:
        return (
            "They were contained: the programs that met them ended, and the card says that nothing is to be done now."
        )
    return "Results of programs that touch the bad memory cannot be trusted until it is repaired."


_SHOW = "nvidia-smi -q -d ECC,ROW_REMAPPER,PAGE_RETIREMENT"
