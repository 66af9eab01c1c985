"""What the value of one key of an environment dump tells: a reader to each kind of key, under every name that dumps give it."""

from __future__ import annotations

import re
from collections.abc import Callable

from envdoctor.facts import Interpreter, Nvml, NvmlGpu, System, TorchInstall, TorchRuntime
from envdoctor.read.notebook import Notebook

UNKNOWN = ("", "n/a", "could not collect", "unknown", "none (n/a)", "-")
VERSION = re.compile(r"\d+\.\d+(?:\.\d+)?[\w.+-]*")


def _known(value: str) -> bool:
    """Whether a dump tells anything here."""
    return value.lower() not in UNKNOWN


def note_torch_value(notes: Notebook, value: str, number: int) -> None:
    """A version as a person or program printed it, perhaps with more round it."""
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
    elif local.startswith("xpu"):
        notes.note(TorchInstall, "cuda", "", number)
        notes.note(TorchInstall, "hip", "", number)
        notes.note(TorchInstall, "xpu", "xpu", number)


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
    """The driver's version, wherever it stands in the value."""
    found = re.search(r"\b(\d{3}(?:\.\d+){1,2})\b", value)
    if found is not None:
        notes.note(Nvml, "driver_version", found[1], number)


def note_system(notes: Notebook, value: str, number: int) -> None:
    """An operating system in words."""
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


def _wsl(notes: Notebook, lowered: str, number: int) -> None:
    if "microsoft-standard" in lowered or "wsl2" in lowered:
        notes.note(System, "wsl", 2, number)
    elif re.search(r"\b4\.4\.0-\d+-microsoft", lowered) or "wsl1" in lowered:
        notes.note(System, "wsl", 1, number)


def _hypervisor(notes: Notebook, value: str, number: int) -> None:
    """As lscpu names it. WSL's machine is one of Microsoft's, too."""
    name = value.lower()
    if name and notes.get(System, "wsl") is None:
        notes.note(System, "hypervisor", name, number, keep=True)


def _python(notes: Notebook, value: str, number: int) -> None:
    found = re.match(r"(\d\.\d+(?:\.\d+)?)", value)
    if found is not None:
        notes.note(Interpreter, "version", found[1], number)


def _gpu_names(notes: Notebook, value: str, number: int) -> None:
    """``GPU: 3x NVIDIA RTX A6000``; ``No CUDA``."""
    if not _known(value) or value.lower().startswith(("gpu 0", "no cuda", "none")):
        return
    found = re.match(
        r"(?:(\d{1,3})\s*[x×]\s*)?((?:NVIDIA|GeForce|Tesla|Quadro|RTX|GTX|A\d{2,3}|H\d{3}|TITAN)[\w -]{2,60})", value
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
        note_torch_value,
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
    "hypervisor vendor": _hypervisor,
    **dict.fromkeys(("os", "operating system"), note_system),
    **dict.fromkeys(("python platform", "platform"), _platform),
    **dict.fromkeys(("python version", "python"), _python),
    **dict.fromkeys(("gpu", "gpu models and configuration", "gpu vram", "gpu model"), _gpu_names),
}
