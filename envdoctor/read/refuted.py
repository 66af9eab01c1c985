"""Messages that mean nothing because the report itself tells so: another line of it, or the figures in them."""

from __future__ import annotations

import functools
import re

from envdoctor.facts import Message, Nvml
from envdoctor.knowledge.messages import message
from envdoctor.read.notebook import Notebook

OWN_FAULT = re.compile(
    r"\b(?:KeyError|ValueError|TypeError|IndexError|AttributeError|AssertionError|NameError|FileNotFoundError|ZeroDivisionError|UnboundLocalError): |"
    r"shapes cannot be multiplied|size mismatch|must match the size|Sizes of tensors must match"
)
"""How a program dies of its own faults. What other ranks, or warnings, say beside it follows from it or has nothing to do with it."""
ECHOES = ("dataloader-too-many-workers",)
AMOUNT = r"\d{1,6}(?:\.\d{1,3})? [KMG]iB"
HELD = (
    re.compile(
        rf"(?P<total>{AMOUNT}) total capacity; (?P<allocated>{AMOUNT}) already allocated; (?P<free>{AMOUNT}) free; (?P<own>{AMOUNT}) (?P<word>reserved|cached)"
    ),
    re.compile(
        rf"total capaci?ty of (?P<total>{AMOUNT}) of which (?P<free>{AMOUNT}) is free\.(?P<others>(?: Process \d+ has {AMOUNT} memory in use\.)*)"
        rf" Including non-PyTorch memory, this process has (?P<own>{AMOUNT}) memory in use"
    ),
)
"""torch's words on who holds the memory, until 2.0 and since."""
UNITS = {"KiB": 1 / (1 << 20), "MiB": 1 / (1 << 10), "GiB": 1.0}
NEGLIGIBLE = 1.5
"""GiB: a desktop, and the process's own CUDA context, which the figures until torch 2.0 leave out."""
SHARE = 0.2
"""Of the card's memory: less than that, held by others, is not what a program lacks."""


def refuted(said: Message, text: str, notes: Notebook) -> bool:
    """Whether the whole `text` of a report takes away what a message in it seems to say."""
    row = message(said.key)
    if row is None:
        return False
    echo = row.cause == "nccl.transport" and row.specificity == "ambiguous"
    if said.key in ECHOES or echo:
        return _own_fault(text)
    if said.key == "ngc-driver-too-old":
        return "(CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE)" in text  # it goes on to say why that matters here
    if said.key == "k8s-insufficient-gpus":
        return "Successfully assigned" in text
    if said.key == "deepspeed-cuda-mismatch":
        return "since the APIs are compatible, accepting this combination" in text
    if row.cause == "gpu.memory-full" and not said.key.startswith(("vllm", "sglang")):
        return _own_memory(text) or _empty(notes)
    return False


@functools.lru_cache(maxsize=1)
def _own_fault(text: str) -> bool:
    """Whether a program of the report died of its own fault; looked for once in each report."""
    return OWN_FAULT.search(text) is not None


@functools.lru_cache(maxsize=1)
def _own_memory(text: str) -> bool:
    """Whether the program that ran out of memory holds all of it, or nearly so, by itself."""
    found = [match for pattern in HELD for match in pattern.finditer(text)]
    return bool(found) and all(_holds_all(match) for match in found[-3:])


def _holds_all(found: re.Match[str]) -> bool:
    values = {
        name: _gib(value) for name, value in found.groupdict().items() if name not in ("word", "others") and value
    }
    own = values["own"] + (values["allocated"] if found.groupdict().get("word") == "cached" else 0.0)
    return values["total"] - values["free"] - own <= max(NEGLIGIBLE, SHARE * values["total"])


def _gib(amount: str) -> float:
    number, unit = amount.split()
    return float(number) * UNITS[unit]


def _empty(notes: Notebook) -> bool:
    """Whether nvidia-smi shows every card nearly empty once the program is gone."""
    gpus = notes.get(Nvml, "gpus") or ()
    held = [(gpu.memory_used_bytes, gpu.memory_total_bytes) for gpu in gpus]
    return bool(held) and all(used is not None and total and used < SHARE * total for used, total in held)
