"""Environment dumps: `key: value` lines of torch.utils.collect_env of every age, of vLLM's, sglang's, diffusers', ultralytics' and others'."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from envdoctor.facts import Interpreter, Nvml, NvmlGpu, System, TorchInstall, TorchRuntime
from envdoctor.read.lines import Line
from envdoctor.read.notebook import Notebook

UNKNOWN = ("", "n/a", "could not collect", "unknown", "none (n/a)", "-")
VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?[\w.+-]*")
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
    r"Windows Subsystem for Linux|/usr/lib/wsl/|/mnt/wslg|\bWSL version: 2",
    re.IGNORECASE,
)
WSL1 = re.compile(
    r"^\*?\s+\w[\w.-]*\s+(?:Running|Stopped)\s+1\s*$|\b4\.4\.0-\d+-microsoft|\[[xX]\] WSL 1\b|\bWSL ?1\b(?! or )",
    re.IGNORECASE,
)
ASKS_WSL = re.compile(r"WSL 1 or WSL 2|\[ \]\s*WSL", re.IGNORECASE)
"""The form of an issue, not its answer."""


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
            _torch_version(notes, banner["torch"], number)
            if banner["python"]:
                notes.note(Interpreter, "version", banner["python"], number)
            notes.saw("ultralytics banner", number)
        if text.startswith(("CUDA", "OS", "torch")):
            _yolo_checks(notes, text, number)
        build = BUILD.search(text) if "+" in text and banner is None else None
        if build is not None and NOT_INSTALLED.search(text) is None:
            note_torch(notes, build["version"], number)
        if "wsl" in (lowered := text.lower()) or "microsoft" in lowered or WSL1.match(text):
            _told_wsl(notes, text, number)
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


def _known(value: str) -> bool:
    return value.lower() not in UNKNOWN


def _torch_version(notes: Notebook, value: str, number: int) -> None:
    found = VERSION.search(value)
    if found is None:
        if value.lower() in ("n/a", "none", "not installed"):
            notes.note(TorchInstall, "present", False, number)
        return
    version = found[0].rstrip(".,)")
    note_torch(notes, version, number)
    available = re.search(r"\((True|False)\)", value)
    if available is not None:
        notes.note(TorchRuntime, "cuda_available", available[1] == "True", number)


def note_torch(notes: Notebook, version: str, number: int) -> None:
    """A torch of this version is installed; its local part tells what it was built for."""
    notes.note(TorchInstall, "present", True, number)
    notes.note(TorchInstall, "version", version, number)
    local = version.partition("+")[2]
    cuda = re.match(r"cu(\d{2,3})", local)
    if cuda is not None:
        digits = cuda[1]
        notes.note(TorchInstall, "cuda", f"{digits[:-1]}.{digits[-1]}", number)
        notes.note(TorchInstall, "hip", "", number)
    elif local.startswith("cpu"):
        notes.note(TorchInstall, "cuda", "", number)
        notes.note(TorchInstall, "hip", "", number)
    elif local.startswith("rocm"):
        notes.note(TorchInstall, "cuda", "", number)
        notes.note(TorchInstall, "hip", local.removeprefix("rocm"), number)


def _cuda_build(notes: Notebook, value: str, number: int) -> None:
    notes.saw("torch.utils.collect_env", number)
    if value.lower() in ("none", "not compiled with cuda", "no cuda"):
        notes.note(TorchInstall, "cuda", "", number)
    elif VERSION.match(value):
        notes.note(TorchInstall, "cuda", value, number)


def _rocm_build(notes: Notebook, value: str, number: int) -> None:
    if VERSION.match(value):
        notes.note(TorchInstall, "hip", value, number)


def _available(notes: Notebook, value: str, number: int) -> None:
    word = value.lower().split()[0] if value else ""
    word = {"available": "true", "not": "false"}.get(word, word)
    if word in ("true", "yes", "false", "no", "1", "0"):
        notes.note(TorchRuntime, "cuda_available", word in ("true", "yes", "1"), number)


def _driver(notes: Notebook, value: str, number: int) -> None:
    found = re.search(r"\b(\d{3}(?:\.\d+){1,2})\b", value)
    if found is not None:
        notes.note(Nvml, "driver_version", found[1], number)


def _os(notes: Notebook, value: str, number: int) -> None:
    lowered = value.lower()
    if not value:
        return
    platform = "windows" if "windows" in lowered else "darwin" if "mac" in lowered or "darwin" in lowered else "linux"
    notes.note(System, "platform", platform, number)
    notes.note(System, "pretty_name", value, number)
    _wsl(notes, lowered, number)
    for name in ("ubuntu", "debian", "fedora", "centos", "rhel", "rocky", "arch"):
        if name in lowered:
            notes.note(System, "distribution", name, number)


def _platform(notes: Notebook, value: str, number: int) -> None:
    """``Linux-4.4.0-19041-Microsoft-x86_64-with-glibc2.31``."""
    found = re.match(r"(Linux|Windows|macOS|Darwin)-(.*?)(?:-(x86_64|aarch64|arm64|AMD64)\b.*)?$", value)
    if found is None:
        return
    platform = {"Linux": "linux", "Windows": "windows"}.get(found[1], "darwin")
    notes.note(System, "platform", platform, number, keep=True)
    if platform == "linux":
        notes.note(System, "kernel", found[2], number)
        _wsl(notes, found[2].lower(), number)
    if found[3]:
        notes.note(System, "machine", found[3], number)


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
        _os(notes, "windows" if value.startswith("win") else value, number)
    reader = KEYS.get(key.lower())
    if reader is not None:
        reader(notes, value.partition(" @")[0].partition(" |")[0], number)


def _yolo_checks(notes: Notebook, text: str, number: int) -> None:
    system, torch = CHECKS_OS.match(text), CHECKS_TORCH.match(text)
    if CHECKS_CUDA.match(text):
        notes.saw("yolo checks", number)
        notes.note(TorchRuntime, "cuda_available", False, number)
    if system is not None:
        _os(notes, system["value"], number)
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


def _wsl(notes: Notebook, lowered: str, number: int) -> None:
    if "microsoft-standard" in lowered or "wsl2" in lowered:
        notes.note(System, "wsl", 2, number)
    elif re.search(r"\b4\.4\.0-\d+-microsoft", lowered) or "wsl1" in lowered:
        notes.note(System, "wsl", 1, number)


def _python(notes: Notebook, value: str, number: int) -> None:
    found = re.match(r"(\d\.\d+(?:\.\d+)?)", value)
    if found is not None:
        notes.note(Interpreter, "version", found[1], number)


def _gpu_names(notes: Notebook, value: str, number: int) -> None:
    """``GPU: 3x NVIDIA RTX A6000``; ``No CUDA``."""
    if not _known(value) or value.lower().startswith(("gpu 0", "no cuda", "none")):
        return
    found = re.match(
        r"(?:(\d+)\s*[x×]\s*)?((?:NVIDIA|GeForce|Tesla|Quadro|RTX|GTX|A\d{2,3}|H\d{3}|TITAN)[\w -]{2,60})", value
    )
    if found is not None and notes.get(Nvml, "gpus") is None:
        rows = tuple(NvmlGpu(index=index, name=found[2].strip()) for index in range(int(found[1] or 1)))
        notes.note(Nvml, "gpus", rows, number)


KEYS: dict[str, Callable[[Notebook, str, int], None]] = {
    **dict.fromkeys(
        (
            "pytorch version",
            "torch version",
            "pytorch",
            "torch",
            "pytorch version gpu",
            "torch version gpu",
            "torch install",
            "pytorch version gpu ",
        ),
        _torch_version,
    ),
    **dict.fromkeys(("cuda used to build pytorch", "torch version cuda", "torch cuda version"), _cuda_build),
    "rocm used to build pytorch": _rocm_build,
    **dict.fromkeys(
        (
            "is cuda available",
            "cuda available",
            "torch cuda is available",
            "gpu available",
            "torch cuda available",
            "pytorch cuda",
            "cuda device initialized",
            "available",
        ),
        _available,
    ),
    **dict.fromkeys(
        (
            "nvidia driver version",
            "driver version",
            "cuda driver version",
            "gpu driver version",
            "nvidia driver",
            "nvidia smi",
            "driver",
            "nvidia version",
        ),
        _driver,
    ),
    **dict.fromkeys(("os", "operating system"), _os),
    **dict.fromkeys(("python platform", "platform"), _platform),
    **dict.fromkeys(("python version", "python"), _python),
    **dict.fromkeys(("gpu", "gpu models and configuration", "gpu vram", "gpu model"), _gpu_names),
}
