"""From findings to one verdict: the lowest broken layer is the cause, what only echoes it is marked so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from envdoctor.diagnose.api import Check, Confidence, Finding
from envdoctor.diagnose.left_out import left_out
from envdoctor.diagnose.measured import number, on_gpu
from envdoctor.diagnose.running_verdict import nothing_to_judge, of_process, told
from envdoctor.diagnose.said import GENERIC
from envdoctor.facts import CudaDriver, Environment, Expectation, Nvml, Snapshot, TorchInstall, TorchRuntime, Work

LAYERS = (
    *("hardware", "vm", "wsl", "driver", "container", "gpu"),
    *("python", "torch", "cuda", "cudnn", "nccl", "env", "host"),
    *("compute", "framework", "code"),
)
"""The areas from the bottom of the stack up. A plugin's own area comes after them all."""

WEIGHT = (
    *("gpu.reset-required", "gpu.ecc-errors", "gpu.xid-errors", "gpu.fabric-unhealthy"),
    *("gpu.nvswitch-errors", "gpu.nvlink-down", "gpu.memory-full", "gpu.inforom-corrupted"),
    *("gpu.throttled", "gpu.too-hot", "gpu.pcie-degraded", "gpu.pcie-errors"),
    *("gpu.busy", "gpu.clocks-low", "gpu.far-from-cpu"),
    *("torch.import-fails", "torch.not-installed"),
    *("cuda.driver-too-old", "cuda.stub-loaded", "cuda.compat-conflict", "cuda.library-shadowed"),
    *("cuda.library-missing", "cuda.toolkit-missing", "cuda.toolkit-mismatch"),
    *("nccl.missing", "nccl.version-mismatch", "nccl.transport"),
)
"""Ids of one area, the one that matters most first: what may spoil results before what only slows down, what a program comes to
first before what follows. Where an area is not listed, the alphabet decides."""

NOT_A_CAUSE = ("plugin",)
"""Areas that are about envdoctor itself, not about the machine."""

Status = Literal["ok", "degraded", "broken", "unknown"]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The answer."""

    status: Status
    gpu_usable: bool | None
    cause: str | None
    also: tuple[str, ...]
    summary: str
    """One sentence."""
    confidence: Confidence


def layer(finding: Finding) -> int:
    """How low in the stack a finding lies; 0 is the bottom."""
    area = finding.id.partition(".")[0]
    return LAYERS.index(area) if area in LAYERS else len(LAYERS)


def _rank(finding: Finding) -> tuple[int, int, int, str]:
    certainty = ("certain", "likely", "possible").index(finding.confidence)
    weight = WEIGHT.index(finding.id) if finding.id in WEIGHT else len(WEIGHT)
    return layer(finding), certainty, weight, finding.id


def _rank_of_text(finding: Finding) -> tuple[int, int, int, str]:
    """A report tells little of a machine: what it tells for certain comes before what it only hints at, however low that lies."""
    lowest, certainty, weight, id = _rank(finding)
    return certainty + 3 * GENERIC.get(id, 0), lowest, weight, id


def mark_echoes(findings: Iterable[Finding], checks: Mapping[str, Check]) -> tuple[Finding, ...]:
    """The findings, worst and lowest first, each echo with `caused_by`: the finding that its check says explains it."""
    found = sorted(findings, key=_rank)
    claims = [
        (cause, echo)
        for cause in found
        for echo in found
        if cause.severity != "info" and cause.id != echo.id and _explains(checks.get(cause.id), echo.id)
        if cause.confidence != "possible" or echo.confidence == "possible"  # a guess explains nothing that is sure
        if cause.gpu is None
        or echo.gpu is None
        or cause.gpu == echo.gpu  # one card's fault explains nothing of another's
    ]
    causes: dict[str, set[str]] = {}
    marked = {id(finding): finding for finding in found}
    for cause, echo in claims:
        if marked[id(echo)].caused_by is None and not _leads_to(causes, cause.id, echo.id):
            causes.setdefault(echo.id, set()).add(cause.id)
            marked[id(echo)] = msgspec.structs.replace(echo, caused_by=cause.id)
    return tuple(
        sorted(marked.values(), key=lambda finding: (_SEVERITY[finding.severity], finding.caused_by is not None))
    )


_SEVERITY = {"error": 0, "warning": 1, "info": 2}


def _explains(check: Check | None, id: str) -> bool:
    return check is not None and any(fnmatchcase(id, pattern) for pattern in check.explains)


def _leads_to(causes: Mapping[str, set[str]], start: str, end: str) -> bool:
    """Whether following `causes` from `start` comes to `end`: two findings must not explain each other."""
    return start == end or any(_leads_to(causes, step, end) for step in causes.get(start, ()))


def _root(finding: Finding, by_id: Mapping[str, Finding]) -> Finding:
    while finding.caused_by is not None:
        finding = by_id[finding.caused_by]
    return finding


def expected(findings: Iterable[Finding], snapshot: Snapshot) -> tuple[Finding, ...]:
    """The findings as the user's expectation weighs them: with ``--expect cpu``, and a torch that can be imported,
    nothing that only keeps a GPU from being used is a fault; nor is what ails a GPU that CUDA_VISIBLE_DEVICES leaves out.
    Of a process, that it holds a GPU is none either, and where it cannot be judged at all, nothing of the machine is held against it."""
    if snapshot.source.pid is not None:
        findings = tuple(of_process(finding, snapshot) for finding in findings)
    meant = nothing_to_judge(snapshot) is not None or _runs_on_cpu_as_meant(snapshot)
    cpu = _expects_cpu(snapshot)
    unused = left_out(snapshot.get(Nvml), snapshot.get(CudaDriver), snapshot.get(Environment))
    return tuple(
        msgspec.structs.replace(finding, severity="info")
        if meant or finding.gpu in unused or (cpu and finding.id.startswith(OF_THE_GPU))
        else finding
        for finding in findings
    )


OF_THE_GPU = ("hardware.", "vm.", "wsl.", "driver.", "gpu.")
"""Areas without which torch can be imported, and use the processor."""


def _expects_cpu(snapshot: Snapshot) -> bool:
    expectation = snapshot.get(Expectation)
    return expectation is not None and expectation.device == "cpu"


def _runs_on_cpu_as_meant(snapshot: Snapshot) -> bool:
    runtime, install = snapshot.get(TorchRuntime), snapshot.get(TorchInstall)
    if not _expects_cpu(snapshot):
        return False
    if install is not None and install.module_kind not in (None, "package"):
        return False  # whatever was imported, it is not torch
    if runtime is not None:
        stage = runtime.stage("import")
        return stage is not None and stage.status == "ok"
    return install is not None and install.present is True and install.module_kind == "package"


def decide(findings: tuple[Finding, ...], snapshot: Snapshot) -> Verdict:
    """The verdict on findings that `mark_echoes` has marked."""
    why_not = nothing_to_judge(snapshot)
    if why_not is not None:
        return _verdict("unknown", None, why_not, "possible")
    judged = tuple(f for f in findings if f.severity != "info" and f.id.partition(".")[0] not in NOT_A_CAUSE)
    by_id = {finding.id: finding for finding in reversed(findings)}
    errors = {_root(finding, by_id).id for finding in judged if finding.severity == "error"}
    order = _rank_of_text if snapshot.source.kind == "text" else _rank
    roots = sorted({f.id: f for f in reversed(judged) if f.caused_by is None}.values(), key=order)
    causes = [finding for finding in roots if finding.id in errors] if errors else roots
    # A program that asks for no GPU does not make it unusable.
    usable = gpu_usable(snapshot, broken=any(not id.startswith("code.") for id in errors))
    if not causes:
        return _nothing_found(snapshot, usable)
    cause, others = causes[0], causes[1:]
    if not errors and usable is False and not _runs_on_cpu_as_meant(snapshot):
        return Verdict(
            status="unknown",
            gpu_usable=False,
            cause=cause.id,
            also=tuple(finding.id for finding in others),
            summary=f"torch sees no GPU; the only sign of why: {cause.title}",
            confidence="possible",
        )
    summary = cause.title + (f"; also {', '.join(finding.id for finding in others)}" if others else "")
    return Verdict(
        status="broken" if errors else "degraded",
        gpu_usable=usable,
        cause=cause.id,
        also=tuple(finding.id for finding in others),
        summary=summary,
        confidence=cause.confidence,
    )


def gpu_usable(snapshot: Snapshot, *, broken: bool) -> bool | None:
    """Whether torch can use a GPU here: what its own run showed, else what the driver and the build allow; None: unknown."""
    running = told(snapshot)
    if running is not None and running[1]:
        return True
    runtime, install, cuda = snapshot.get(TorchRuntime), snapshot.get(TorchInstall), snapshot.get(CudaDriver)
    if runtime is not None and runtime.works is not None:
        return runtime.works
    if runtime is not None and runtime.cuda_available is not None:
        return runtime.cuda_available
    stages = (runtime.stage("import"), runtime.stage("cuda-init")) if runtime is not None else ()
    if any(stage is not None and stage.status != "ok" for stage in stages):
        return False
    if broken:
        return False
    if install is not None and (install.present is False or install.build == "cpu"):
        return False
    if cuda is not None and cuda.init_code == 0 and cuda.device_count and install is not None:
        return True if install.build == "cuda" else None
    return None


def _verdict(status: Status, usable: bool | None, summary: str, confidence: Confidence) -> Verdict:
    """One without a cause."""
    return Verdict(status=status, gpu_usable=usable, cause=None, also=(), summary=summary, confidence=confidence)


def _nothing_found(snapshot: Snapshot, usable: bool | None) -> Verdict:
    runtime, install = snapshot.get(TorchRuntime), snapshot.get(TorchInstall)
    if _runs_on_cpu_as_meant(snapshot):
        version = (runtime and runtime.version) or (install and install.version) or ""
        return Verdict(
            status="ok",
            gpu_usable=usable,
            cause=None,
            also=(),
            summary=f"torch {version} runs on the processor, as expected",
            confidence="certain" if runtime is not None else "likely",
        )
    running = told(snapshot)
    if running is not None:
        well, used, sentence = running
        return _verdict("ok" if well else "unknown", used or usable, sentence, "certain" if well else "possible")
    if usable:
        tried = runtime is not None and runtime.works is True
        return Verdict(
            status="ok",
            gpu_usable=True,
            cause=None,
            also=(),
            summary=_healthy(snapshot, tried),
            confidence="certain" if tried else "likely",
        )
    gaps = sorted(name for name, problem in snapshot.problems.items() if problem.kind != "skipped")
    stage = runtime.stage("cuda-init") if runtime is not None else None
    said = " ".join((stage.error or "").split()) if stage is not None and stage.status == "failed" else ""
    what = "torch sees no GPU, and no check could tell why" if usable is False else "Too little is known to decide"
    if snapshot.source.kind == "sysroot" and install is not None and install.build == "cuda":
        what, gaps = (
            f"Nothing in these files keeps torch {install.version} from a GPU; only a machine can tell the rest",
            [],
        )
    what += f" (it says: {said[:120]})" if said else ""
    return Verdict(
        status="unknown",
        gpu_usable=usable,
        cause=None,
        also=(),
        summary=f"{what}: unknown are {', '.join(gaps)}" if gaps else what,
        confidence="possible",
    )


def _healthy(snapshot: Snapshot, tried: bool) -> str:
    runtime, install, cuda = snapshot.get(TorchRuntime), snapshot.get(TorchInstall), snapshot.get(CudaDriver)
    version = (runtime and runtime.version) or (install and install.version) or "torch"
    names = tuple(device.name for device in cuda.devices if device.name) if cuda is not None else ()
    names = names or (runtime.device_names if runtime is not None and runtime.device_names else ())
    gpus = f"{len(names)} × {names[0]}" if len(names) > 1 else names[0] if names else "the GPU"
    verb = "uses" if tried else "can use"
    return f"torch {version.removeprefix('torch ')} {verb} {gpus}{_proof(snapshot.get(Work))}"


def _proof(work: Work | None) -> str:
    """What was measured, in two figures: of several GPUs the slowest's, each."""
    devices = on_gpu(work) if work is not None else ()
    figures: list[str] = []
    for name, dtypes in (("matmul", ("bf16", "fp16", "fp32")), ("copy", (None,))):
        for dtype in dtypes:
            rates = [rate for device in devices if (rate := device.rate(name, dtype)) is not None]
            if rates and len(rates) == len(devices):
                figures.append(f"{dtype or name} {number(min(rate.value for rate in rates))} {rates[0].unit}")
                break
    return f"; {', '.join(figures)}" if figures else ""
