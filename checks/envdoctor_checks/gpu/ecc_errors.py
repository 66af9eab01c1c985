"""gpu.ecc-errors"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.facts import Messages, Nvml, NvmlGpu

REMAPS_AT_MOST = 512
"""Rows of one bank's reserve: DCGM's limit for replacing a card."""
RETIRED_AT_MOST = 63
"""Retired pages at which NVIDIA replaces a card from before Ampere."""


@check("gpu.ecc-errors", fields=("nvml.gpus",), explains=("compute.wrong-result",))
def ecc_errors(nvml: Nvml, messages: Messages | None) -> Iterator[Finding]:
    """The GPU's memory has uncorrectable errors, or repairs of it wait for a reset or failed.

    What it means:
    Memory with ECC corrects single bits and reports the rest. An uncorrectable error ends the program that met it; the row is then replaced
    by a spare one (Ampere and later) or its page retired, which takes effect at the next reset. Where no spare row is left, the card is to
    be replaced.

    How to confirm it by hand:
    `nvidia-smi -q -d ECC,ROW_REMAPPER,PAGE_RETIREMENT`.

    Ways out:
    Pending: reset the GPU (`sudo nvidia-smi -r -i N`, nothing may use it) or restart the machine. Failed, or again and again: have the card
    replaced.

    Often mistaken for:
    A bug of the program, whose loss turns NaN or which ends with "uncorrectable ECC error encountered".
    """
    for gpu in nvml.gpus:
        finding = _judge(gpu)
        if finding is not None:
            yield finding


def _judge(gpu: NvmlGpu) -> Finding | None:
    reset = (Fix("Reset the GPU (nothing may use it), or restart the machine", f"sudo nvidia-smi -r -i {gpu.index}"),)
    replace = (Fix("Have the card replaced", f"nvidia-smi -q -d ECC,ROW_REMAPPER -i {gpu.index}"),)
    where = f"GPU {gpu.index}"
    if gpu.remap_failed:
        return _finding(gpu, "remap_failed", f"{where}: replacing a row of memory failed", "error", replace)
    if (gpu.remapped_uncorrectable or 0) >= REMAPS_AT_MOST:
        title = f"{where}: {gpu.remapped_uncorrectable} rows of memory replaced; {REMAPS_AT_MOST} is the limit"
        return _finding(gpu, "remapped_uncorrectable", title, "error", replace)
    if (gpu.retired_pages or 0) >= RETIRED_AT_MOST:
        title = f"{where}: {gpu.retired_pages} retired pages; {RETIRED_AT_MOST} is the limit"
        return _finding(gpu, "retired_pages", title, "error", replace)
    if gpu.ecc_uncorrected_volatile:
        pending = "; a repair waits for a reset" if gpu.remap_pending or gpu.retired_pending else ""
        title = (
            f"{where}: {gpu.ecc_uncorrected_volatile} uncorrectable memory errors since the driver was loaded{pending}"
        )
        return _finding(gpu, "ecc_uncorrected_volatile", title[:100], "error", reset)
    if gpu.remap_pending:
        title = f"{where}: a row of memory waits for a reset to be replaced"
        return _finding(gpu, "remap_pending", title, "warning", reset)
    if gpu.retired_pending:
        return _finding(
            gpu, "retired_pending", f"{where}: a page of memory waits for a reset to be retired", "warning", reset
        )
    return None


def _finding(gpu: NvmlGpu, field: str, title: str, severity: str, fix: tuple[Fix, ...]) -> Finding:
    return Finding(
        title=title,
        severity="error" if severity == "error" else "warning",
        detail="Results of programs that touch the bad memory cannot be trusted until it is repaired.",
        evidence=(gpu.says(field),),
        fix=fix,
        gpu=gpu.index,
    )
