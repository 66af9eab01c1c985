"""What a message means in its report: a container, a code of CUDA's or another fact in it tells the cause that the words leave open."""

from __future__ import annotations

import re

from envdoctor.facts import (
    Container,
    Environment,
    KernelLog,
    KernelModule,
    Message,
    Messages,
    Nvml,
    Reading,
    Snapshot,
    System,
    TorchRuntime,
)
from envdoctor.knowledge.codes import CodeRow, cuda_code_in
from envdoctor.knowledge.messages import CATCH_ALL, MessageRow, Specificity

NO_DRIVER = (
    *("library-missing-libcuda-1", "library-missing-nvml", "nvml-python-library-not-found"),
    *("torch-no-nvidia-driver", "tensorflow-1-libcuda", "tensorflow-libcuda-missing", "nvidia-smi-not-found"),
    *("nvml-shared-library-not-found", "nvitop-nvml-not-found", "cuda-driver-not-found", "ffmpeg-no-libcuda"),
)
"""A library of the driver is not found. A container gets it from its host: one that asks for a GPU, from NVIDIA's runtime there."""


OF_THE_DRIVER = "driver-library-"
"""Rows about libraries of the driver for video and graphics: the capabilities `video` and `graphics` bring them into a container."""
INSUFFICIENT_DRIVER = 35
SYSTEM_DRIVER_MISMATCH = 803
CUDA_UNKNOWN = 999
"""What cuInit returns without /dev/nvidia-uvm; 30 until CUDA 10.0."""
DRIVERS_DIFFER = (
    "cuda-system-driver-mismatch",
    "torch-error-803",
    "cuda-name-cuda-error-system-driver",
    "cuda-name-cudaerrorsystemdriver",
)
"""Error 803. In a container the image's libcuda is the other one; elsewhere the driver was upgraded."""


def in_context(row: MessageRow, said: Message, snapshot: Snapshot) -> tuple[str, Specificity] | None:
    """The cause of a message, and how surely. Of an ambiguous one a code of CUDA in it decides, or what else the report tells.
    None: the code is one of programs' own faults."""
    assert row.cause is not None
    if _is_refuted(row, said, snapshot):
        return None
    if row.key in NO_NODES:
        return _without_nodes(snapshot)
    container, reading = snapshot.get(Container), snapshot.get(Reading)
    code = cuda_code_in(said.text) if row.specificity == "ambiguous" else None
    old_or_none = row.key in INSUFFICIENT or (code is not None and code.code == INSUFFICIENT_DRIVER)
    if old_or_none and _has_no_tools(snapshot):
        inside = container is not None and container.inside is True
        return ("container.gpu-not-passed" if inside else "driver.not-installed"), "likely"
    if "torch.wrong-vendor-build" in row.also and reading is not None and reading.amd_line is not None:
        return "torch.wrong-vendor-build", "likely"
    inside_one = container is not None and container.engine is not None
    told = (
        _in_container(row, container, code) if container is not None and inside_one else _on_a_host(row, code, snapshot)
    )
    if told is not None:
        return told
    if code is not None and code.cause is None and row.key.endswith(CATCH_ALL):
        return None
    if _means_no_gpu(row, code, snapshot):
        return _no_gpu(row, snapshot)
    if code is not None and code.cause is not None and code.cause in (*row.also, row.cause):
        return code.cause, "ambiguous" if code.cause == row.cause else "likely"
    return row.cause, row.specificity


def _in_container(row: MessageRow, container: Container, code: CodeRow | None) -> tuple[str, Specificity] | None:
    """What is told of a container that finds no library or node of the driver."""
    if row.key in NO_DRIVER:
        listed = set((container.driver_capabilities or "all").split(","))
        if not listed & {"all", "compute"}:
            return "container.capabilities-missing", "likely"
        if not container.gpus_requested:
            return "container.gpu-not-passed", "likely"
        if container.engine == "kubernetes":
            return "container.toolkit-missing", "likely"
        return "container.capabilities-missing", "ambiguous"
    if row.key.startswith(OF_THE_DRIVER):
        return ("container.gpu-not-passed" if container.gpus_requested is False else str(row.cause)), "likely"
    unknown = "unknown-error" in row.key or (code is not None and code.code == CUDA_UNKNOWN)
    if unknown and row.cause == "cuda.init-failed" and container.engine == "lxc":
        return "driver.device-nodes-missing", "likely"  # it is given each node by hand, and this one is forgotten
    return None


def _on_a_host(row: MessageRow, code: CodeRow | None, snapshot: Snapshot) -> tuple[str, Specificity] | None:
    """What is told of no container."""
    reading, nvml = snapshot.get(Reading), snapshot.get(Nvml)
    if row.key in NO_DRIVER and reading is not None and "a file of the driver's libcuda" in reading.recognised:
        return "cuda.library-missing", "likely"  # it is installed, where the loader does not look
    if snapshot.get(Container) is not None:
        return None
    if row.key.startswith(DRIVERS_DIFFER) or (code is not None and code.code == SYSTEM_DRIVER_MISMATCH):
        return "driver.version-mismatch", "likely"
    if row.key == "ollama-device-context":
        return "cuda.init-failed", "ambiguous"
    if row.key == "tensorflow-no-cuda-drivers" and nvml is not None and nvml.gpus:
        return "framework.fallback", "likely"  # it looks for the runtime; the driver is there
    return None


def _means_no_gpu(row: MessageRow, code: CodeRow | None, snapshot: Snapshot) -> bool:
    """Whether a message of no device says no more than that: CUDA's own error, or one that a mask would explain and none is set."""
    environment = snapshot.get(Environment)
    masked = environment is not None and environment.get("CUDA_VISIBLE_DEVICES") is not None
    if row.cause == "env.visible-devices" and row.specificity == "ambiguous" and "hardware.no-gpu" in row.also:
        return not masked
    return code is not None and code.cause == "hardware.no-gpu" and "hardware.no-gpu" in (*row.also, row.cause)


def _no_gpu(row: MessageRow, snapshot: Snapshot) -> tuple[str, Specificity] | None:
    """What a program means that finds no device. Where nvidia-smi lists one, CUDA was not initialised for some other reason."""
    nvml = snapshot.get(Nvml)
    if nvml is None or not nvml.gpus:
        return "hardware.no-gpu", "ambiguous"
    return None if row.key == "tensorflow-versions-match" else ("cuda.init-failed", "ambiguous")


INSUFFICIENT = (
    *("cuda-insufficient-driver", "samples-insufficient-driver"),
    "cuda-name-cudaerrorinsufficientdriver-any",
)
"""What the runtime says to an old driver, and to none at all (error 35)."""


def _has_no_tools(snapshot: Snapshot) -> bool:
    """Whether not even nvidia-smi is there, which every driver but a Jetson's brings, and nothing tells a driver's version."""
    messages, system, nvml = snapshot.get(Messages), snapshot.get(System), snapshot.get(Nvml)
    if messages is None or messages.has("nvidia-smi-not-found") is None or (system is not None and system.jetson):
        return False
    return nvml is None or nvml.driver_version is None


NO_NODES = ("device-nodes-none", "proc-driver-version-absent")
"""The driver's files in /dev or /proc are absent. WSL never has them."""
WANTED = re.compile(r"Tried to allocate (?P<wanted>\d+(?:\.\d+)?) GiB.{0,60}?(?P<total>\d+(?:\.\d+)?) GiB total capac")
RANGE = re.compile(r"capability (?P<own>\d+\.\d)\b.{0,120}?\(\d+\.\d\) - \((?P<highest>\d+\.\d)\)")
PROGRAMS_OWN = (13, 31, 43, 45)
"""Xids that a program's own fault makes."""
WHETHER_ONE_IS_THERE = ("driver.", "hardware.", "vm.", "wsl.")
"""Areas whose causes keep torch from a GPU altogether, or nearly so."""


def _is_refuted(row: MessageRow, said: Message, snapshot: Snapshot) -> bool:
    """Whether the report itself tells that an ambiguous message means nothing: torch finds its GPU, an Xid is a program's own, or
    more memory was asked for than the card has."""
    if row.key == "torch-capability-range":
        return _runs_all_the_same(said.text)
    if row.specificity != "ambiguous" or row.cause is None:
        return False
    runtime, log = snapshot.get(TorchRuntime), snapshot.get(KernelLog)
    if row.key == "kernel-xid":
        xids = log.xids if log is not None else ()
        return bool(xids) and all(x.code in PROGRAMS_OWN and "previous Xid" not in x.text for x in xids)
    wanted = WANTED.search(said.text)
    if wanted is not None:
        return float(wanted["wanted"]) > float(wanted["total"])
    return (
        row.cause.startswith(WHETHER_ONE_IS_THERE)
        and runtime is not None
        and runtime.cuda_available is True
        and not runtime.stages
    )


def _runs_all_the_same(text: str) -> bool:
    """Whether the capability that torch warns of has the major of the highest that its build has, and is above it: such code runs."""
    found = RANGE.search(text)
    if found is None:
        return False
    own, highest = (tuple(map(int, found[name].split("."))) for name in ("own", "highest"))
    return own[0] == highest[0] and own >= highest


def _without_nodes(snapshot: Snapshot) -> tuple[str, Specificity] | None:
    """What it means that no node and no /proc/driver/nvidia is there."""
    system, container, module = snapshot.get(System), snapshot.get(Container), snapshot.get(KernelModule)
    if system is not None and system.wsl:
        return None
    if container is not None and container.inside:
        return "container.gpu-not-passed", "ambiguous"
    loaded = module is not None and module.loaded is True
    return ("driver.device-nodes-missing", "likely") if loaded else ("driver.module-not-loaded", "ambiguous")
