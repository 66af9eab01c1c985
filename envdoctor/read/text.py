"""A pasted report as a snapshot: every reader looks at it, and what they found becomes the same facts that a live machine has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import msgspec

from envdoctor.facts import (
    Container,
    DeviceNodes,
    DriverLibraries,
    Environment,
    Fact,
    Interpreter,
    KernelLog,
    KernelModule,
    LoadedLibraries,
    Messages,
    Nvml,
    Packages,
    PciBus,
    Problem,
    Processes,
    ProgramLog,
    Reading,
    Resources,
    Snapshot,
    Source,
    System,
    TorchInstall,
    TorchRuntime,
    Work,
)
from envdoctor.knowledge.messages import CATCH_ALL, message, recognise
from envdoctor.knowledge.releases import release
from envdoctor.read.console import read_console
from envdoctor.read.container import read_container
from envdoctor.read.driver_packages import read_driver_packages
from envdoctor.read.dump import read_dump
from envdoctor.read.kernel_log import read_kernel_log
from envdoctor.read.limits import read_limits
from envdoctor.read.lines import Line, read_lines
from envdoctor.read.loader import read_loader
from envdoctor.read.modules import read_modules
from envdoctor.read.notebook import Notebook
from envdoctor.read.nvidia_smi import read_nvidia_smi
from envdoctor.read.packages import read_packages, read_pip_command
from envdoctor.read.pci import read_pci
from envdoctor.read.processes import read_processes
from envdoctor.read.program_log import read_program_log
from envdoctor.read.refuted import refuted
from envdoctor.read.smi_query import read_smi_query
from envdoctor.read.tensors import read_tensors

Reader = Callable[[Sequence[Line], Notebook], None]

READERS: tuple[Reader, ...] = (
    *(read_dump, read_nvidia_smi, read_smi_query, read_packages, read_kernel_log, read_console),
    *(
        read_container,
        read_limits,
        read_loader,
        read_tensors,
        read_modules,
        read_pci,
        read_driver_packages,
        read_program_log,
    ),
    *(read_processes, read_pip_command),
)
KINDS: tuple[type[Fact], ...] = (
    *(System, PciBus, Nvml, KernelModule, KernelLog, DeviceNodes, DriverLibraries, Environment, Interpreter),
    *(Container, Resources, TorchInstall, Packages, TorchRuntime, LoadedLibraries, Work),
    *(ProgramLog, Processes),
)


BUILT_WITHOUT_CUDA = (
    *("collect-env-cpu-build", "collect-env-no-cuda-at-all", "collect-env-no-driver"),
    *("torch-config-without-cuda", "torch-is-built-false", "torch-is-compiled-false"),
)
LONG = 200_000
"""Characters of a log in which repeated lines are left out."""
END = 500
"""Lines at its end, where programs die, that are read as they follow each other."""
OLD_BUILDS = {
    **dict.fromkeys(("1.0", "1.1"), "9.0"),
    "1.2": "10.0",
    **dict.fromkeys(("1.3", "1.4"), "10.1"),
    **dict.fromkeys(("1.5", "1.6", "1.7"), "10.2"),
}
"""The CUDA of the package index's builds that are older than the table of releases (https://pytorch.org/get-started/previous-versions/)."""
TORCH_FILE = re.compile(r"(?:site|dist)-packages[/\\]{1,2}torch[/\\]")
AMD = re.compile(
    r"\bAMD (?:GPU|Radeon|Instinct|Raven|Renoir|Vega|Navi|Picasso|Cezanne|Lucienne)\b|"
    r"\bGPU[^\n:]{0,40}: ?AMD\b|\bRadeon (?:RX|VII|Pro|HD|R\d|\(TM\)|\d{4})|\bRX ?[5-9]\d{3}\b|\bgfx(?:9|1[0-2])\w{2,3}\b|-directml\b|\bMI[123]\d{2}X?\b"
)
NVIDIA = re.compile(
    r"\bGeForce\b|\bRTX ?(?:PRO ?)?A?\d{3,4}|\bGTX ?\d{3,4}|\bTesla [A-Z]\d|\bQuadro\b|\bNVIDIA [AHLTVBG]\d{1,3}\b|NVIDIA-SMI \d"
)
AMD_WORDS = ("AMD ", "Radeon", "RX", "gfx", "-directml", "MI")


def read_text(text: str, created: str, name: str | None = None) -> Snapshot:
    """The facts that a text tells. What it does not tell stays unknown: a report is silent about most of a machine."""
    lines = read_lines(text)
    notes = Notebook()
    failed = list(_read(lines, notes))
    if Interpreter in notes.values:
        notes.note(Interpreter, "path", "python3", 0, keep=True)  # as a fix has to call it
    if notes.get(TorchInstall, "present") is False and any(TORCH_FILE.search(line.text) for line in lines):
        del notes.values[TorchInstall]["present"]  # a dump says so of a torch that cannot be imported, too
    derive(notes)
    facts: dict[str, Fact] = {}
    for kind in KINDS:
        fact = notes.fact(kind)
        if fact is not None:
            facts[kind.fact_name()] = fact
    facts[Messages.fact_name()] = messages_of(lines, notes)
    facts[Reading.fact_name()] = Reading(
        lines=len(lines),
        recognised=dict(sorted(notes.kinds.items(), key=lambda kind: kind[1])),
        contradictions=tuple(notes.contradictions[:20]),
        amd_line=_amd_line(text, lines),
    )
    problems = {Reading.fact_name(): Problem(kind="failed", detail="; ".join(failed))} if failed else {}
    return Snapshot(created=created, source=Source(kind="text", name=name), facts=facts, problems=problems)


def _read(lines: Sequence[Line], notes: Notebook) -> Iterator[str]:
    """Let every reader look; which of them failed, and how: one that does must not take away what the others found."""
    for read in READERS:
        try:
            read(lines, notes)
        except Exception as error:  # noqa: BLE001 - the seam
            yield f"{read.__name__}: {type(error).__name__}: {error}"


def _amd_line(text: str, lines: Sequence[Line]) -> int | None:
    """The first line that names a GPU of AMD's, where no GPU of NVIDIA's is named: AMD's processors have one, too."""
    words = [word for word in AMD_WORDS if word in text]
    if not words or NVIDIA.search(text):
        return None
    return next((line.number for line in lines if any(w in line.text for w in words) and AMD.search(line.text)), None)


def _sees_none_on_windows(notes: Notebook) -> bool:
    return notes.get(System, "platform") == "windows" and notes.get(TorchRuntime, "cuda_available") is False


def messages_of(lines: Sequence[Line], notes: Notebook) -> Messages:
    """Every message of the table that stands in the lines. They are joined by blanks too: a terminal breaks long messages anywhere."""
    stripped = _once([line.text.strip() for line in lines])
    flat = " ".join(stripped)
    found = {said.key: said for said in recognise("\n".join(stripped), flat) if not refuted(said, flat, notes)}
    if notes.get(System, "platform") == "darwin":  # every torch for macOS is built without CUDA
        for key in BUILT_WITHOUT_CUDA:
            found.pop(key, None)
        found = {key: said for key, said in found.items() if not _of_a_build_without_cuda(key)}
    placed = (msgspec.structs.replace(said, sources=_place(said.text, lines)) for said in found.values())
    return Messages(messages=tuple(placed), sources={"messages": "the report"})


def _of_a_build_without_cuda(key: str) -> bool:
    """Whether the row reads what any framework's build for the processor answers."""
    row = message(key)
    return row is not None and row.cause == "framework.fallback" and key.endswith(CATCH_ALL)


def _once(lines: list[str]) -> list[str]:
    """Of a long log each line once, and its end as it is: loops and restarts repeat what has been looked at."""
    if sum(map(len, lines)) < LONG:
        return lines
    return [*dict.fromkeys(lines[:-END]), *lines[-END:]]


def _place(text: str, lines: Sequence[Line]) -> dict[str, str]:
    """The line that a message begins in."""
    begin = text[:60]
    number = next(
        (line.number for line in lines if begin in line.text or (line.text and line.text.strip() in text)), None
    )
    return {"text": f"report line {number}"} if number is not None else {}


def derive(notes: Notebook) -> None:
    """What follows from what was read: a torch without a local version, from pip on Linux, is the build that the index serves."""
    version = notes.get(TorchInstall, "version")
    if version is None or notes.get(TorchInstall, "cuda") is not None or "+" in version:
        return
    row = release(version)
    cuda = row.cuda if row is not None else OLD_BUILDS.get(".".join(version.split(".")[:2]))
    conda = "conda" in " ".join(notes.kinds)
    if row is not None and not conda and _sees_none_on_windows(notes):
        cuda = ""  # its wheels for Windows are builds for the processor
    elif not cuda or conda or notes.get(System, "platform") in ("windows", "darwin"):
        return
    line = int(notes.sources[TorchInstall]["version"].rpartition(" ")[2])
    notes.note(TorchInstall, "cuda", cuda, line)
    notes.note(TorchInstall, "hip", "", line)
