"""A pasted report as a snapshot: every reader looks at it, and what they found becomes the same facts that a live machine has."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from envdoctor.facts import (
    DeviceNodes,
    Environment,
    Fact,
    Interpreter,
    KernelLog,
    KernelModule,
    Messages,
    Nvml,
    Packages,
    Reading,
    Snapshot,
    Source,
    System,
    TorchInstall,
    TorchRuntime,
)
from envdoctor.knowledge.messages import recognise
from envdoctor.read.console import read_console
from envdoctor.read.dump import read_dump
from envdoctor.read.kernel_log import read_kernel_log
from envdoctor.read.lines import Line, read_lines
from envdoctor.read.notebook import Notebook
from envdoctor.read.nvidia_smi import read_nvidia_smi
from envdoctor.read.packages import read_packages

Reader = Callable[[Sequence[Line], Notebook], None]

READERS: tuple[Reader, ...] = (read_dump, read_nvidia_smi, read_packages, read_kernel_log, read_console)
KINDS: tuple[type[Fact], ...] = (
    *(System, Nvml, KernelModule, KernelLog, DeviceNodes, Environment, Interpreter),
    *(TorchInstall, Packages, TorchRuntime),
)


def read_text(text: str, created: str, name: str | None = None) -> Snapshot:
    """The facts that a text tells. What it does not tell stays unknown: a report is silent about most of a machine."""
    lines = read_lines(text)
    notes = Notebook()
    for read in READERS:
        read(lines, notes)
    if Interpreter in notes.values:
        notes.note(Interpreter, "path", "python3", 0, keep=True)  # as a fix has to call it
    facts: dict[str, Fact] = {}
    for kind in KINDS:
        fact = notes.fact(kind)
        if fact is not None:
            facts[kind.fact_name()] = fact
    facts[Messages.fact_name()] = messages_of(lines)
    facts[Reading.fact_name()] = Reading(
        lines=len(lines),
        recognised=dict(sorted(notes.kinds.items(), key=lambda kind: kind[1])),
        contradictions=tuple(notes.contradictions[:20]),
    )
    return Snapshot(created=created, source=Source(kind="text", name=name), facts=facts)


def messages_of(lines: Sequence[Line]) -> Messages:
    """Every message of the table that stands in the lines. They are joined by blanks too: a terminal breaks long messages anywhere."""
    joined = "\n".join(line.text for line in lines)
    found = {message.key: message for message in recognise(joined)}
    for message in recognise(" ".join(line.text.strip() for line in lines)):
        found.setdefault(message.key, message)
    return Messages(messages=tuple(found.values()), sources={"messages": "the report"})
