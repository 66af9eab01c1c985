"""What programs print of themselves while they load and train: meters of training loops, llama.cpp's loading, TensorFlow's start."""

from __future__ import annotations

import re
from collections.abc import Sequence

from envdoctor.facts import ProgramLog
from envdoctor.read.lines import Line
from envdoctor.read.notebook import Notebook

METER = re.compile(
    r"\b(?:[Bb]atch |[Ii]ter )?[Tt]ime[: =]+(?P<time>\d+(?:\.\d+)?)(?: ?s)?(?:[ ,/]{1,3}[\d.]+/s)? ?(?:\((?P<mean>\d+(?:\.\d+)?)[^)]{0,30}\))?.{0,60}?"
    r"\b[Dd]ata(?:[_ ][Tt]ime)?[: =]+(?P<data>\d+(?:\.\d+)?)(?: ?s)? ?(?:\((?P<data_mean>\d+(?:\.\d+)?)[^)]{0,30}\))?"
)
"""``Time 0.482 (0.497) Data 0.403 (0.411)``, as torchvision's, timm's, mmcv's and detectron2's loops print it, with averages or without."""
FIRST_STEP = re.compile(r"\[\s*0+\s*/\s*\d+\s*\]")
"""In it the loaders start."""
LAYERS = re.compile(r"(?:\bn_gpu_layers\s*[=:]\s*|--n-gpu-layers[ =]|--gpu-layers[ =]|-ngl )[\"']?(?P<layers>-?\d+)")
LOADS = re.compile(r"\b(?:llama_model_load(?:_internal)?|llm_load_tensors|load_tensors|llama_init_from_file): ")
LOADED = re.compile(r"(?:kv self size|KV self size|mem required|CPU(?:_Mapped)? (?:model )?buffer size)\b")
ON_GPU = re.compile(
    r"offload|\bVRAM\b|CUDA\d? (?:model |KV |compute )?buffer|ggml_(?:init_cublas|cuda_init)|BLAS ?= ?1|using CUDA"
)
OPENED = re.compile(r"opened dynamic library (?:lib)?(?:cublas|cudart)(?:64_|\.so\.)(?P<cuda>\d+(?:\.\d)?)")
CAPABILITY = re.compile(r"compute ?[Cc]apability: (?P<capability>\d{1,2}\.\d)\b")


def read_program_log(lines: Sequence[Line], notes: Notebook) -> None:
    """Note how long steps took and waited, how many layers were asked for and put on the GPU, and which CUDA a program loaded."""
    _meters(lines, notes)
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
