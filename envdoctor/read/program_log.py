"""What programs print of themselves while they load and train: meters of training loops, llama.cpp's loading, TensorFlow's start."""

from __future__ import annotations

import re
from collections.abc import Sequence

from envdoctor.facts import ProgramLog, TorchInstall, TorchRuntime
from envdoctor.read.lines import Line
from envdoctor.read.notebook import Notebook

FIGURE = r"\d{1,9}(?:\.\d{1,9})?"
METER = re.compile(
    rf"\b(?:[Bb]atch |[Ii]ter )?[Tt]ime[: =]+(?P<time>{FIGURE})(?: ?s)?(?:[ ,/]{{1,3}}[\d.]+/s)? ?(?:\((?P<mean>{FIGURE})[^)]{{0,30}}\))?.{{0,60}}?"
    rf"\b[Dd]ata(?:[_ ][Tt]ime)?[: =]+(?P<data>{FIGURE})(?: ?s)? ?(?:\((?P<data_mean>{FIGURE})[^)]{{0,30}}\))?"
)
"""``Time 0.482 (0.497) Data 0.403 (0.411)``, as torchvision's, timm's, mmcv's and detectron2's loops print it, with averages or without."""
FIRST_STEP = re.compile(r"\[\s*0+\s*/\s*\d+\s*\]")
"""In it the loaders start."""
LAYERS = re.compile(
    r"(?:\bn_gpu_layers\s*[=:]\s*|--n-gpu-layers[ =]|--gpu-layers[ =]|-ngl )[\"']?(?P<layers>-?\d{1,9})"
)
LOADS = re.compile(r"\b(?:llama_model_load(?:_internal)?|llm_load_tensors|load_tensors|llama_init_from_file): ")
LOADED = re.compile(r"(?:kv self size|KV self size|mem required|CPU(?:_Mapped)? (?:model )?buffer size)\b")
ON_GPU = re.compile(
    r"offload|\bVRAM\b|CUDA\d? (?:model |KV |compute )?buffer|ggml_(?:init_cublas|cuda_init)|BLAS ?= ?1|using CUDA"
)
OPENED = re.compile(r"opened dynamic library (?:lib)?(?:cublas|cudart)(?:64_|\.so\.)(?P<cuda>\d+(?:\.\d)?)")
TIMING = re.compile(
    r"^\s*(?:(?:[Ii]ter(?:ation)?|[Ss]tep|[Rr]un|[Ee]poch|[Ll]oop)?[ #:]*(?P<index>\d{1,2})\s*[:,)\s]\s*)(?:\D{0,20}?)"
    r"(?:(?P<hours>\d{1,2}):(?P<minutes>\d\d):)?(?P<seconds>\d+\.\d+)(?: ?s(?:ec(?:ond)?s?)?)?\s*$"
)
"""``0 0:02:01.451538``, ``iteration 1: 0.002 s``: what a loop prints that times each of its turns."""
USES_GPU = re.compile(r"\.cuda\(|\.to\([^)]{0,20}cuda|device\s*=\s*[^)]{0,20}cuda|\bcuda\b")
TOOK = re.compile(
    r"^\W*(?:it |this )?(?:took|takes|time|elapsed|cost|duration)\b[^\d\n]{0,20}?"
    rf"(?P<value>{FIGURE}) ?(?P<unit>s|secs?|seconds?|m|mins?|minutes?)?\b",
    re.IGNORECASE,
)
REAL = re.compile(r"^real\s+(?P<minutes>\d{1,4})m(?P<seconds>\d{1,2}(?:\.\d{1,3})?)s\s*$")
"""The shell's `time`."""
PROFILED = re.compile(
    r"\|\s*(?:\[\w+\]\.)?(?P<what>Total|\w*dataloader_next|get_train_batch|\w*fetch_next\w*)\s*\|[^|]*\|\s*(?P<calls>\d{1,9})\s*\|\s*(?P<total>\d{1,9}(?:\.\d{1,9})?)\s*\|"
)
"""Lightning's simple profiler."""
TOOLKIT = re.compile(r"^\s*(?:\[conda\]\s*)?cudatoolkit\s+(?P<cuda>\d{1,2}\.\d{1,2})\b")
TIMES = re.compile(r"time\(\)|perf_counter\(\)|datetime\.now\(\)|%time")
STAMP = re.compile(r"^\s*\d{4}-\d\d-\d\d (?P<hours>\d\d):(?P<minutes>\d\d):(?P<seconds>\d\d)\.\d+: [IWE] tensorflow/")
LONG = 30.0
"""Seconds: no first use of a GPU whose kernels are there takes as long; CUDA itself starts in a few."""
CACHED = 0.1
"""Of the first run's time: what one takes at most that finds its kernels compiled."""
SHARE = 0.02
"""Of the first turn's time: what later ones take at most."""
MATRIX = re.compile(r"^\s*(?:Unidirectional|Bidirectional) P2P=(?P<state>Enabled|Disabled) Bandwidth")
ROW = re.compile(r"^\s*(?P<row>\d{1,2})((?:\s+\d+\.\d+)+)\s*$")
CHANNEL = re.compile(r"NCCL INFO (?:Channel|Ring|Trees?|comm 0x|Connected all)\b")
CAPABILITY = re.compile(r"compute ?[Cc]apability: (?P<capability>\d{1,2}\.\d)\b")


def read_program_log(lines: Sequence[Line], notes: Notebook) -> None:
    """Note how long steps took and waited, how many layers were asked for and put on the GPU, and which CUDA a program loaded."""
    _meters(lines, notes)
    _first_use(lines, notes)
    _gap(lines, notes)
    _two_runs(lines, notes)
    _profiled(lines, notes)
    _peers(lines, notes)
    loads = loaded = 0
    on_gpu = False
    capabilities: dict[str, int] = {}
    for number, text in lines:
        layers = LAYERS.search(text) if "layers" in text or "-ngl" in text else None
        if layers is not None:
            notes.note(ProgramLog, "layers_asked", int(layers["layers"]), number)
        opened = OPENED.search(text) if "dynamic library" in text else None
        if opened is not None:
            notes.note(ProgramLog, "cuda", opened["cuda"], number)
        if "NCCL INFO" in text and CHANNEL.search(text) is not None:
            notes.note(TorchRuntime, "cuda_available", True, number, keep=True)  # it holds memory of each GPU by then
        toolkit = TOOLKIT.match(text) if "cudatoolkit" in text else None
        if toolkit is not None and notes.get(TorchInstall, "version") is None:  # torch is judged by its own build
            notes.note(ProgramLog, "cuda", toolkit["cuda"], number, keep=True)
        capability = CAPABILITY.search(text) if "apability" in text else None
        if capability is not None:
            capabilities.setdefault(capability["capability"], number)
        if LOADS.search(text) is not None:
            loads = loads or number
            loaded = loaded or (number if LOADED.search(text) else 0)
        on_gpu = on_gpu or (layers is None and ON_GPU.search(text) is not None)
    if loaded:
        notes.saw("a log of llama.cpp", loads)
        notes.note(ProgramLog, "layers_offloaded", on_gpu, loaded)
    if capabilities:
        notes.note(ProgramLog, "capabilities", tuple(capabilities), min(capabilities.values()))


def _meters(lines: Sequence[Line], notes: Notebook) -> None:
    """The last figures: averages where the log has them, else the mean of what it shows."""
    steps: list[tuple[float, float]] = []
    last, averaged = 0, False
    for number, text in lines:
        found = METER.search(text) if len(text) <= 400 and ("ata" in text and "ime" in text) else None
        if found is None or (FIRST_STEP.search(text) and not steps):
            continue
        mean = found["mean"] is not None and found["data_mean"] is not None
        step = (
            (float(found["mean"]), float(found["data_mean"])) if mean else (float(found["time"]), float(found["data"]))
        )
        averaged = averaged or mean
        steps.append(step)
        last = number
    if not steps:
        return
    shown = steps[-1:] if averaged else steps
    notes.saw("a training log", last)
    notes.note(ProgramLog, "step_seconds", sum(step for step, _ in shown) / len(shown), last)
    notes.note(ProgramLog, "data_seconds", sum(data for _, data in shown) / len(shown), last)


def _first_use(lines: Sequence[Line], notes: Notebook) -> None:
    """A loop whose first turn on the GPU took half a minute and more and the others nothing, or one timed call that did."""
    if not any(USES_GPU.search(line.text) for line in lines):
        return
    turns: list[float] = []
    begin, timed = 0, False
    for number, text in lines:
        turn = TIMING.match(text) if len(text) < 120 else None
        if turn is not None and int(turn["index"]) in (0, 1) and not turns:
            begin = number
        if turn is not None and begin:
            turns.append(int(turn["hours"] or 0) * 3600 + int(turn["minutes"] or 0) * 60 + float(turn["seconds"]))
        took = TOOK.match(text) if timed else None
        if took is not None:
            seconds = float(took["value"]) * (60 if (took["unit"] or "s").lower().startswith("m") else 1)
            if seconds >= LONG:
                notes.note(ProgramLog, "first_seconds", seconds, number, keep=True)
        timed = bool(TIMES.search(text) and USES_GPU.search(text))
    if len(turns) > 2 and turns[0] >= LONG and max(turns[1:]) <= SHARE * turns[0]:
        notes.saw("timings of a loop", begin)
        notes.note(ProgramLog, "first_seconds", turns[0], begin)


def _gap(lines: Sequence[Line], notes: Notebook) -> None:
    """TensorFlow stands still between finding its GPUs and using them while the driver compiles its kernels."""
    found: float | None = None
    for number, text in lines:
        stamp = STAMP.match(text)
        if stamp is None:
            continue
        seconds = int(stamp["hours"]) * 3600 + int(stamp["minutes"]) * 60 + int(stamp["seconds"])
        if found is not None:
            gap = (seconds - found) % 86400
            if gap >= LONG:
                notes.note(ProgramLog, "first_seconds", float(gap), number, keep=True)
            return
        if "Adding visible gpu devices" in text:
            found = seconds


def _two_runs(lines: Sequence[Line], notes: Notebook) -> None:
    """The same command timed twice: minutes, then seconds."""
    timed = (line for line in lines if line.text.startswith("real"))
    runs = [(line.number, found) for line in timed if (found := REAL.match(line.text)) is not None]
    took = [int(found["minutes"]) * 60 + float(found["seconds"]) for _, found in runs]
    if (
        len(took) > 1
        and took[0] >= 2 * LONG
        and took[-1] <= CACHED * took[0]
        and any(USES_GPU.search(t.text) for t in lines)
    ):
        notes.note(ProgramLog, "first_seconds", took[0], runs[0][0], keep=True)


def _profiled(lines: Sequence[Line], notes: Notebook) -> None:
    """Of Lightning's table: all the time, and what the loop spent on the next batch, for each batch."""
    table = (line for line in lines if line.text.count("|") > 4)
    rows = {found["what"]: (found, line.number) for line in table if (found := PROFILED.search(line.text)) is not None}
    total = rows.pop("Total", None)
    if total is None or not rows or notes.get(ProgramLog, "step_seconds") is not None:
        return
    (found, number), *_ = rows.values()
    calls = int(found["calls"])
    if calls:
        notes.saw("Lightning's profile", number)
        notes.note(ProgramLog, "step_seconds", float(total[0]["total"]) / calls, total[1])
        notes.note(ProgramLog, "data_seconds", float(found["total"]) / calls, number)


def _peers(lines: Sequence[Line], notes: Notebook) -> None:
    """CUDA's sample p2pBandwidthLatencyTest: the slowest pair with peer-to-peer copies, and without."""
    field: str | None = None
    slowest: dict[str, tuple[float, int]] = {}
    for number, text in lines:
        matrix = MATRIX.match(text)
        if matrix is not None:
            field = "peer_gbs" if matrix["state"] == "Enabled" else "staged_gbs"
            notes.saw("p2pBandwidthLatencyTest", number)
        elif "Latency" in text:
            field = None
        row = ROW.match(text) if field is not None else None
        if row is None or field is None:
            continue
        between = [float(rate) for column, rate in enumerate(row[2].split()) if column != int(row["row"])]
        slowest[field] = min([slowest.get(field, (1e9, 0)), *((rate, number) for rate in between)])
    for name, (rate, number) in slowest.items():
        notes.note(ProgramLog, name, rate, number)
