"""Lists of packages: pip list, pip freeze, conda list, uv, poetry, dpkg, as they stand or inside an environment dump."""

from __future__ import annotations

import re
from collections.abc import Sequence

from envdoctor.facts import Distribution, Packages, TorchInstall, TorchRuntime
from envdoctor.read.dump_values import note_torch
from envdoctor.read.lines import Line
from envdoctor.read.notebook import Notebook

NAMES = (
    r"torch|torchvision|torchaudio|pytorch|triton|flash[-_]attn|xformers|bitsandbytes|apex|deepspeed|vllm|nvidia-[a-z0-9-]+?-cu1[0-9]|"
    r"nvidia-(?:cublas|cudnn|nccl|cuda-runtime|nvjitlink|cusparse)[a-z0-9-]*|onnxruntime(?:-gpu)?|tensorflow|jax(?:lib)?|accelerate|transformers"
)
PINNED = re.compile(
    rf"^\s*(?:\[(?:pip3?|conda)\]\s*)?(?:[-•+~]\s*)?(?:Installing\s+)?(?P<name>{NAMES})"
    r"(?:==|\s*\(|\s*:\s*|\s+)(?P<version>\d+\.\d[\w.+-]*)\)?(?:\s|$)",
    re.IGNORECASE,
)
TENSORFLOW = re.compile(r"^\W{0,4}(?P<name>tensorflow) version\W{1,4}(?P<version>\d+\.\d+[\w.+-]*)", re.IGNORECASE)
ASKED = re.compile(
    r"^\s*(?:\S{1,60}[$#>]\s+|[$#>!]\s*)?(?:sudo\s+)?(?:\S{0,60}python\S{0,8}\s+-m\s+)?pip3?\s+install\s(?:[^\n]*\s)?torch={2,3}(?P<version>\d+\.\d+\.\d+[\w.+]*)"
)
"""What pip was told to install: it counts where no more is said of the torch that then ran."""
INDEX = re.compile(
    r"^\s*(?:\S{1,60}[$#>]\s+|[$#>!]\s*)?(?:sudo\s+)?(?:\S{0,60}python\S{0,8}\s+-m\s+|uv\s+)?pip3?\s+install\s(?:[^\n]*\s)?torch[\s=>~][^\n]*"
    r"download\.pytorch\.org/whl/(?:nightly/|test/)?(?P<kind>cpu|xpu|rocm|cu)(?P<version>[\d.]*)"
)
"""The index that pip was told to take torch from: its name is the variant's."""
CPUONLY = re.compile(r"^\s*(?:\S{1,60}[$#>]\s+|[$#>!]\s*)?(?:conda|mamba|micromamba)\s+install\s(?:[^\n]*\s)?cpuonly\b")
REFUSED = ("No matching distribution", "Could not find a version", "ResolutionImpossible")
CPU_BUILD = re.compile(
    r"^\s*(?:\[conda\]\s*)?(?:[+~-]\s+)?pytorch(?:-nightly)?\s+\S+\s+\S*(?:_cpu_|cpu_)\S*", re.IGNORECASE
)
CPU_MARK = re.compile(r"^\s*(?:\[conda\]\s*)?(?:(?:pytorch-cpu|cpuonly)\s+\d\S*\s|pytorch-mutex\s+\S+\s+cpu\b)")
"""Packages that only conda's build for the processor brings."""
PLANNED = re.compile(r"^\s*\S+\s+\S+::(?P<name>pytorch(?:-nightly)?)-(?P<version>\d[\w.+]*)-(?P<build>\S+)")
DOWNLOADED = re.compile(r"^\s*(?P<name>pytorch(?:-nightly)?)-(?P<version>\d[\w.+]*)\s+\|\s*(?P<build>\S+)")
"""What conda says that it will install: ``pytorch  conda-forge/linux-64::pytorch-2.1.0-cpu_mkl_py310h0a2b0f1_0``."""
CONDA = re.compile(
    r"^\s*(?:\[conda\]\s*)?(?P<name>pytorch|pytorch-nightly|torch)\s+(?P<version>\d+\.\d+\.\d+\S*)\s+(?P<build>\S*_\d+)(?:\s|$)"
)
"""A row of `conda list`, which has packages from pip, too."""


def read_packages(lines: Sequence[Line], notes: Notebook) -> None:
    """Note every package with its version; torch's tells its build."""
    found: dict[tuple[str, str], int] = {}
    names: dict[str, str] = {}
    for number, text in lines:
        if len(text) > 300:
            continue
        planned = PLANNED.match(text) if "::" in text else DOWNLOADED.match(text) if "|" in text else None
        if planned is not None:
            _planned(notes, planned, number)
            continue
        if "cpu" in text and CPU_MARK.match(text):
            _for_cpu(notes, number)
        conda = CONDA.match(text) if "torch" in text else None
        if conda is not None:
            names.setdefault(conda["name"], conda["version"].partition("+")[0])
        row = PINNED.match(text) or TENSORFLOW.match(text)
        if row is None:
            continue
        name = row["name"].lower().replace("_", "-")
        found.setdefault((name, row["version"]), number)
        if name in ("torch", "pytorch"):
            known = notes.get(TorchInstall, "version")
            if known is None or "+" in row["version"] or not str(known).startswith(row["version"]):
                note_torch(notes, row["version"], number)
            if CPU_BUILD.match(text) or "cpuonly" in text:
                _for_cpu(notes, number)
    if len(set(names.values())) > 1:  # the same files come from each
        twice = tuple(Distribution(name="torch", version=version, location="") for version in names.values())
        notes.note(TorchInstall, "distributions", twice, min(found.values(), default=1))
    if found:
        first = min(found.values())
        notes.saw("a list of packages", first)
        rows = tuple(
            Distribution(name=name, version=version, location="") for name, version in found if name != "pytorch"
        )
        if rows:
            notes.note(Packages, "distributions", rows, first)


def _planned(notes: Notebook, row: re.Match[str], number: int) -> None:
    notes.saw("a plan of conda's", number)
    note_torch(notes, row["version"], number)
    if "cpu" in row["build"]:
        _for_cpu(notes, number)


def _for_cpu(notes: Notebook, number: int) -> None:
    notes.note(TorchInstall, "cuda", "", number)
    notes.note(TorchInstall, "hip", "", number)


def read_pip_command(lines: Sequence[Line], notes: Notebook) -> None:
    """Note the torch that pip was told to install where nothing was read of the one that then ran; after all other readers."""
    if notes.get(TorchInstall, "version") is not None:
        return
    _read_index(lines, notes)
    asked: dict[str, int] = {}
    for number, text in lines:
        told = ASKED.match(text) if "torch==" in text and len(text) <= 300 else None
        if told is not None:
            asked.setdefault(told["version"], number)
    if len(asked) == 1 and _was_used(lines):
        [(version, number)] = asked.items()
        note_torch(notes, version, number)


def _read_index(lines: Sequence[Line], notes: Notebook) -> None:
    """Note the variant of torch that was asked for, where only one was and the torch that then ran sees no GPU."""
    if notes.get(TorchRuntime, "cuda_available") is not False or any(w in line.text for line in lines for w in REFUSED):
        return
    variants: dict[tuple[str, str], int] = {}
    for number, text in lines:
        if len(text) > 300 or "install" not in text:
            continue
        index = INDEX.match(text) if "pytorch.org/whl/" in text else None
        if index is not None:
            variants.setdefault((index["kind"], index["version"]), number)
        elif CPUONLY.match(text):
            variants.setdefault(("cpu", ""), number)
        elif "pytorch" in text or re.search(r"\binstall\b[^\n]*\storch\b", text):
            return  # another try, of which this tells nothing
    if len(variants) != 1:
        return
    [((kind, version), number)] = variants.items()
    if kind == "cpu":
        _for_cpu(notes, number)
    elif kind == "rocm":
        notes.note(TorchInstall, "cuda", "", number)
        notes.note(TorchInstall, "hip", version or "6", number)


def _was_used(lines: Sequence[Line]) -> bool:
    """Whether the torch that pip was told to install is the one that was then asked for CUDA."""
    refused = any(word in line.text for line in lines for word in REFUSED)
    return not refused and any("torch.cuda" in line.text for line in lines)
