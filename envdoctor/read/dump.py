"""Environment dumps: `key: value` lines of torch.utils.collect_env of every age, of vLLM's, sglang's, diffusers', ultralytics' and others'."""

from __future__ import annotations

import re
from collections.abc import Sequence

from envdoctor.facts import Interpreter, KernelModule, Nvml, NvmlGpu, System, TorchInstall, TorchRuntime
from envdoctor.read.dump_values import KEYS, note_system, note_torch, note_torch_value
from envdoctor.read.lines import Line
from envdoctor.read.notebook import Notebook

KEY = re.compile(
    r"^\s*(?:[-*•]\s+)?`?(?P<key>[A-Za-z][\w .()?/'-]{1,40}?)`?\s*(?P<sep>[:=]{1,2}|version:)\s*(?P<value>.*)$"
)
GPU_LINE = re.compile(
    r"^\s*(?:GPU models and configuration:\s*)?GPU (?P<index>\d+(?:,\d+)*):\s*(?P<name>[A-Za-z][^(]*?)(?:\s*\((?:UUID|[\d.]+ ?[GM]i?B).*)?$"
)
LEADERS = re.compile(r" \.{4,} ")
"""``torch version .................... 2.1.0``, as DeepSpeed's report has it."""
DRIVER = re.compile(
    r"\b(?:nvidia|gpu|cuda)[ -]driver(?:[ -]version)?\s*[:=]?\s*v?(?P<version>\d{3}\.\d{2,3}(?:\.\d+)?)\b",
    re.IGNORECASE,
)
REPORTED = re.compile(r"\b(?P<who>libcuda|kernel) reported version is: (?P<version>\d{3}\.\d+(?:\.\d+)?)")
"""TensorFlow, where CUDA finds no device."""
ULTRALYTICS = re.compile(
    r"(?:\bPython-(?P<python>\d+\.\d+(?:\.\d+)?)\s+torch-|\b(?:YOLOv\d|Using)\b.{0,40}?\btorch )(?P<torch>\d+\.\d+\.\d+\S*)\s*(?P<device>CPU|CUDA:\d+)?"
)
"""``Ultralytics YOLOv8.0.196 Python-3.10.5 torch-2.2.1+cpu CPU``; before 2022 ``YOLOv5 v5.0 torch 1.9.0+cu111 CUDA:0``."""
BUILD = re.compile(
    r"(?i)\b(?:py)?torch\b[ :=v(-]{0,4}(?P<version>\d+\.\d+\.\d+(?:\.dev\d+)?\+(?:cu\d{2,3}|cpu|rocm[\d.]+))(?![\w.])"
)
"""A version with its build, wherever it stands in a sentence."""
NOT_INSTALLED = re.compile(
    r"(?i)uninstall|requirement|collecting|from versions|requires|pip3? install|incompatible|downloading|would|\.whl|built for|compiled|expected"
)
BARE = re.compile(r"(?<![\w.-])[12]\.\d+\.\d+\+cpu\b")
"""Only torch and its companions bear ``+cpu``; torchvision counts from 0."""
WINDOWS = re.compile(r"^\s*(?:Microsoft )?Windows (?:10|11)\b(?! or)")
COLUMN = re.compile(
    r"^(?P<key>sys\.platform|Python|PyTorch|CUDA available|GPU available|GPU \d+(?:,\d+)*|Driver version) {2,}(?P<value>\S.*)$"
)
"""detectron2's and mmcv's tables have no colons."""
CHECKS_CUDA = re.compile(r"^CUDA\s{4,}None\s*$")
CHECKS_OS = re.compile(r"^OS\s{4,}(?P<value>\S.*)$")
CHECKS_TORCH = re.compile(r"^torch\s+(?:\W+\s)?(?P<version>\d+\.\d+\.\d+\S*?)>=")
"""``yolo checks``: a table without colons."""
WSL = re.compile(
    r"microsoft-standard|\bWSL ?2\b|\b(?:on|in|under|inside|using|via) WSL\b|\(WSL\)|\bUbuntu app WSL\b|"
    r"3D controller: Microsoft Corporation|Windows Subsystem for Linux|/usr/lib/wsl/|/mnt/wslg|\bWSL version: 2|\bmisc dxg: dxgk",
    re.IGNORECASE,
)
WSL1 = re.compile(
    r"^\*?\s+\w[\w.-]*\s+(?:Running|Stopped)\s+1\s*$|\b4\.4\.0-\d+-microsoft|\[[xX]\] WSL 1\b|\bWSL ?1\b(?! or )",
    re.IGNORECASE,
)
ASKS_WSL = re.compile(r"WSL 1 or WSL 2|\[ \]\s*WSL|to see if we are running under", re.IGNORECASE)
"""The form of an issue, and what libnvidia-container looks for: no answer."""


def read_dump(lines: Sequence[Line], notes: Notebook) -> None:
    """Note what the lines say of torch, CUDA, driver, GPUs, Python and system."""
    gpus: dict[int, str] = {}
    name = ""  # of the package that `pip show` tells of
    for number, line in lines:
        if len(line) > 400:
            continue
        text = LEADERS.sub(": ", line) if "...." in line else line
        found = GPU_LINE.match(text) if "GPU" in text else None
        if found is not None:
            for index in found["index"].split(","):
                gpus[int(index)] = found["name"].strip()
            notes.saw("GPU list", number)
            continue
        banner = ULTRALYTICS.search(text) if "torch" in text else None
        if banner is not None:
            note_torch_value(notes, banner["torch"], number)
            if banner["python"]:
                notes.note(Interpreter, "version", banner["python"], number)
            notes.saw("ultralytics banner", number)
        if text.startswith(("CUDA", "OS", "torch")):
            _yolo_checks(notes, text, number)
        build = BUILD.search(text) if "+" in text and banner is None else None
        if build is not None and NOT_INSTALLED.search(text) is None:
            note_torch(notes, build["version"], number)
        if "wsl" in (lowered := text.lower()) or "microsoft" in lowered or "misc dxg" in lowered or WSL1.match(text):
            _told_wsl(notes, text, number)
        reported = REPORTED.search(text) if "reported version" in text else None
        if reported is not None:
            _tensorflow_versions(notes, reported, number)
        driver = DRIVER.search(text) if "driver" in lowered else None
        if driver is not None:
            notes.note(Nvml, "driver_version", driver["version"], number, keep=True)
        column = COLUMN.match(text) if "   " in text else None
        if column is not None:
            _column(notes, column["key"], column["value"], number, gpus)
            continue
        if "+cpu" in text and notes.get(TorchInstall, "version") is None and _in_a_sentence(text):
            note_torch(notes, BARE.findall(text)[0], number)
        if WINDOWS.match(text):
            notes.note(System, "platform", "windows", number, keep=True)
        if text.startswith("Name: "):
            name = text[6:].strip().lower()
        elif text.startswith("Version: ") and name == "torch":
            note_torch(notes, text[9:].strip(), number)
        entry = KEY.match(text) if ":" in text or "=" in text else None
        if entry is not None:
            key = re.sub(r"[^a-z0-9]+", " ", entry["key"].lower()).strip()
            reader = KEYS.get(key)
            if reader is not None:
                reader(notes, entry["value"].strip().strip("`\"'"), number)
    if gpus and notes.get(Nvml, "gpus") is None:
        rows = tuple(NvmlGpu(index=index, name=name) for index, name in sorted(gpus.items()))
        notes.note(Nvml, "gpus", rows, notes.kinds.get("GPU list", 1))


def _in_a_sentence(text: str) -> bool:
    """Whether a build for the processor is named that no other package bears. Alone on its line it is the answer to a question."""
    other = NOT_INSTALLED.search(text) or re.search(r"(?i)torch(?:vision|audio|text|data)", text)
    return len(text.split()) > 1 and other is None and BARE.search(text) is not None


def _column(notes: Notebook, key: str, value: str, number: int, gpus: dict[int, str]) -> None:
    if key.startswith("GPU ") and key[4].isdigit():
        gpus.update(dict.fromkeys(map(int, key[4:].split(",")), value.partition("(")[0].strip()))
        notes.saw("GPU list", number)
        return
    notes.saw("detectron2 or mmcv collect_env", number)
    if key == "sys.platform":
        note_system(notes, "windows" if value.startswith("win") else value, number)
    reader = KEYS.get(key.lower())
    if reader is not None:
        reader(notes, value.partition(" @")[0].partition(" |")[0], number)


def _tensorflow_versions(notes: Notebook, found: re.Match[str], number: int) -> None:
    """Both end in a zero that the driver's own version has not."""
    version = re.sub(r"(?<=\.\d\d\d)\.0$|(?<=\.\d\d)\.0$", "", found["version"])
    if found["who"] == "kernel":
        notes.note(KernelModule, "version", version, number, keep=True)
        notes.note(KernelModule, "loaded", True, number, keep=True)
    else:
        notes.note(Nvml, "library_version", version, number)


def _yolo_checks(notes: Notebook, text: str, number: int) -> None:
    system, torch = CHECKS_OS.match(text), CHECKS_TORCH.match(text)
    if CHECKS_CUDA.match(text):
        notes.saw("yolo checks", number)
        notes.note(TorchRuntime, "cuda_available", False, number)
    if system is not None:
        note_system(notes, system["value"], number)
    if torch is not None:
        note_torch(notes, torch["version"], number)


def _told_wsl(notes: Notebook, text: str, number: int) -> None:
    """WSL in a sentence or a kernel's name. Whoever speaks of both means the one that has a GPU."""
    if ASKS_WSL.search(text) is not None:
        return
    if WSL.search(text) is not None:
        notes.note(System, "wsl", 2, number, keep=True)
    elif WSL1.search(text) is not None:
        notes.note(System, "wsl", 1, number, keep=True)
