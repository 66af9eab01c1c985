"""Recognised messages as evidence: which of them point at a cause, and how surely."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from envdoctor.diagnose.api import Confidence, Finding, Fix
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
from envdoctor.knowledge.codes import cuda_code_in
from envdoctor.knowledge.messages import CATCH_ALL, MessageRow, Specificity, message

CONFIDENCE: dict[Specificity, Confidence] = {"specific": "certain", "likely": "likely", "ambiguous": "possible"}


def _row(said: Message) -> MessageRow | None:
    return message(said.key)


def pointing_at(messages: Messages | None, id: str) -> tuple[Message, ...]:
    """The messages that most likely stand for the cause `id`, those that say it most surely first."""
    found = [
        (list(CONFIDENCE).index(row.specificity), said)
        for said in (messages.messages if messages is not None else ())
        if (row := _row(said)) is not None and row.cause == id
    ]
    return tuple(said for _, said in sorted(found, key=lambda one: one[0]))


def confidence_of(said: Message) -> Confidence:
    """How surely the text alone decides; ``possible`` for a text that the table does not have."""
    row = _row(said)
    return CONFIDENCE[row.specificity] if row is not None else "possible"


def quoted(said: Message, room: int) -> str:
    """The text in `room` characters at most, for a title: without a log's prefix, where not all fits."""
    text = " ".join(said.text.split())
    prefix = PREFIX.match(text) if len(text) > room else None
    if prefix is not None and prefix.end() < len(text):
        text = text[prefix.end() :]
    return text if len(text) <= room else text[: room - 1].rstrip() + "…"


PREFIX = re.compile(
    r"(?:\[[^\]]{0,60}\]\s*|\S*\d[\d:.,/-]{3,}\S*\s+|\S*/\S*[:\]]\s+|[EWIFD]\s+|(?:ERROR|WARNING|INFO|DEBUG|ERRO\[\d+\])\S*\s+|"
    r"\w{1,40}(?:Error|Warning|Exception):\s+)+"
)
"""A log's time, level and place, and the class of an exception."""


def findings_of(snapshot: Snapshot, found: Iterable[Finding]) -> Iterator[Finding]:
    """A finding for each cause that a message of a report stands for, where no check found facts for it: the text is then the evidence.

    What is ambiguous counts only where nothing better was said or found.
    """
    messages = snapshot.get(Messages)
    known = {finding.id for finding in found if finding.severity != "info"}
    best: dict[str, tuple[Specificity, Message]] = {}
    for said in messages.messages if messages is not None else ():
        row = _row(said)
        if row is None or row.cause is None:
            continue
        decided = _decided(row, said, snapshot)
        if decided is None:
            continue
        cause, specificity = decided
        if cause not in known and (cause not in best or _order(specificity) < _order(best[cause][0])):
            best[cause] = specificity, said
    sure = bool(known - GENERIC.keys()) or any(
        s != "ambiguous" for cause, (s, _) in best.items() if cause not in GENERIC
    )
    for cause, (specificity, said) in best.items():
        if specificity == "ambiguous" and sure:
            continue
        yield Finding(
            id=cause,
            title=quoted(said, 100),
            detail=f"{said.emitter} says so." if said.emitter else "",
            evidence=(messages.says("messages", said.text),) if messages is not None else (),
            fix=(Fix("Read what it means and what mends it", f"envdoctor explain {cause}"),),
            confidence=CONFIDENCE[specificity],
        )


GENERIC = {"cuda.init-failed": 1, "torch.import-fails": 1, "framework.fallback": 2, "compute.cpu-fallback": 2}
"""What a program says that it does, or that fails, for whatever reason: any other cause is more to the point, and of these
the one with the lower number."""


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


def _decided(row: MessageRow, said: Message, snapshot: Snapshot) -> tuple[str, Specificity] | None:
    """The cause of a message, and how surely. Of an ambiguous one a code of CUDA in it decides, or what else the report tells.
    None: the code is one of programs' own faults."""
    assert row.cause is not None
    environment, reading = snapshot.get(Environment), snapshot.get(Reading)
    if _is_refuted(row, said, snapshot):
        return None
    if row.key in NO_NODES:
        return _without_nodes(snapshot)
    code = cuda_code_in(said.text) if row.specificity == "ambiguous" else None
    old_or_none = row.key in INSUFFICIENT or (code is not None and code.code == INSUFFICIENT_DRIVER)
    if old_or_none and _has_no_tools(snapshot):
        inside = (held := snapshot.get(Container)) is not None and held.inside is True
        return ("container.gpu-not-passed" if inside else "driver.not-installed"), "likely"
    if "torch.wrong-vendor-build" in row.also and reading is not None and reading.amd_line is not None:
        return "torch.wrong-vendor-build", "likely"
    container = snapshot.get(Container)
    if container is not None and container.engine is not None and row.key in NO_DRIVER:
        listed = set((container.driver_capabilities or "all").split(","))
        if not listed & {"all", "compute"}:
            return "container.capabilities-missing", "likely"
        if not container.gpus_requested:
            return "container.gpu-not-passed", "likely"
        if container.engine == "kubernetes":
            return "container.toolkit-missing", "likely"
        return "container.capabilities-missing", "ambiguous"
    if row.key in NO_DRIVER and reading is not None and "a file of the driver's libcuda" in reading.recognised:
        return "cuda.library-missing", "likely"  # it is installed, where the loader does not look
    if row.key.startswith(OF_THE_DRIVER) and container is not None and container.engine is not None:
        return ("container.gpu-not-passed" if container.gpus_requested is False else row.cause), "likely"
    masked = environment is not None and environment.get("CUDA_VISIBLE_DEVICES") is not None
    if (
        row.cause == "env.visible-devices"
        and row.specificity == "ambiguous"
        and not masked
        and "hardware.no-gpu" in row.also
    ):
        return _no_gpu(row, snapshot)
    if code is not None and code.cause is None and row.key.endswith(CATCH_ALL):
        return None
    differ = row.key.startswith(DRIVERS_DIFFER) or (code is not None and code.code == SYSTEM_DRIVER_MISMATCH)
    if container is None and differ:
        return "driver.version-mismatch", "likely"
    if row.key == "ollama-device-context" and container is None:
        return "cuda.init-failed", "ambiguous"
    if (
        row.key == "tensorflow-no-cuda-drivers"
        and container is None
        and (nvml := snapshot.get(Nvml)) is not None
        and nvml.gpus
    ):
        return "framework.fallback", "likely"  # it looks for the runtime; the driver is there
    unknown = row.key.startswith("cuda-unknown-error") or (code is not None and code.code == CUDA_UNKNOWN)
    if unknown and container is not None and container.engine == "lxc":
        return (
            "driver.device-nodes-missing",
            "likely",
        )  # such a container is given each node by hand, and this one is forgotten
    if code is not None and code.cause is not None and code.cause in (*row.also, row.cause):
        vague = code.cause in (row.cause, "hardware.no-gpu")  # that no device is there, CUDA says for many reasons
        if code.cause == "hardware.no-gpu":
            return _no_gpu(row, snapshot)
        return code.cause, "ambiguous" if vague else "likely"
    return row.cause, row.specificity


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


def _order(specificity: Specificity) -> int:
    return list(CONFIDENCE).index(specificity)
