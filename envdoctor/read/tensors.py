"""Tensors that print other numbers on a GPU than elsewhere: Python prompts in which the card itself is caught."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from envdoctor.facts import Rate, Work
from envdoctor.facts.work import DeviceWork
from envdoctor.read.lines import Line
from envdoctor.read.notebook import Notebook

SHOWN = re.compile(r"^\s*(?:>>>|In \[\d+\]:)\s*(?P<name>[A-Za-z_]\w*)\s*$")
COPIED = re.compile(
    r"^\s*(?:>>>|In \[\d+\]:)\s*(?P<name>[A-Za-z_]\w*)\.(?:to|cuda)\(\s*(?:device=)?['\"]?(?:cuda:)?(?P<gpu>\d+)['\"]?\s*\)\s*$"
)
PRINTED = re.compile(r"^\s*(?:Out\[\d+\]:\s*)?tensor\((?P<values>\[.*?\])(?:,\s*device='(?P<device>[\w:]+)')?.*\)\s*$")
OPENS = re.compile(r"\[[\[\s]*-?(?:\d|nan|inf)")
NUMBER = re.compile(r"-?(?:\d+\.?\d*(?:e[+-]?\d+)?|nan|inf)")
DEVICE = re.compile(r"^\s*,\s*device='(?P<device>cuda[:\d]*)'")
MEANT = re.compile(r"\bzeros|grad|\bempty\(|mask|one_hot|\bloss\b")
"""Words of programs in which zeros or no numbers are nothing strange."""
LONGEST = 2000
"""Characters of one printed tensor that are read."""
MOST = 60
"""Tensors that are compared: a prompt shows a few."""
DENORMAL, HUGE = 1e-30, 1e30
"""What memory holds that nobody has written is outside of these, where it is not zero."""


class Shown(NamedTuple):
    """A tensor or array as it was printed."""

    line: int
    values: tuple[float, ...]
    depth: int
    device: str | None
    """``cuda:0``; None: of the processor."""

    @property
    def garbage(self) -> bool:
        """Whether these look like numbers that nobody computed."""
        return not any(self.values) or any(
            not math.isfinite(value) or (value and not DENORMAL < abs(value) < HUGE) for value in self.values
        )


def read_tensors(lines: Sequence[Line], notes: Notebook) -> None:
    """Note a copy whose numbers are not those of the original, and a result of a GPU that is garbage where the processor's is none."""
    _copies(lines, notes)
    if notes.get(Work, "devices") is None:
        _results(lines, notes)


def _copies(lines: Sequence[Line], notes: Notebook) -> None:
    shown: dict[str, str] = {}
    asked: tuple[str, bool] | None = None
    for number, text in lines:
        show, copy, printed = SHOWN.match(text), COPIED.match(text), PRINTED.match(text)
        if printed is not None and asked is not None:
            name, copied = asked
            values = re.sub(r"[\s.]+(?=[,\]])|\s", "", printed["values"])
            if not copied:
                shown[name] = values
            elif name in shown and shown[name] != values:
                _note(notes, "copy to another GPU", printed["device"] or "cuda", number)
        asked = (show["name"], False) if show is not None else (copy["name"], True) if copy is not None else None


def _results(lines: Sequence[Line], notes: Notebook) -> None:
    """One numbers' pattern on a GPU, another elsewhere; programs that mean to have zeros are left alone."""
    bearing = [line for line in lines if "[" in line.text or "]" in line.text]
    if not any("device='cuda" in line.text for line in bearing) or any(MEANT.search(line.text) for line in lines):
        return
    tensors = list(_tensors(bearing))
    several = len({tensor.device for tensor in tensors if tensor.device}) > 1
    if not several and not any(re.search(r"\bcpu\b", line.text, re.IGNORECASE) for line in lines):
        return
    for bad in tensors:
        if bad.device is None or len(bad.values) < 2 or not bad.garbage:
            continue
        if any(
            (len(good.values), good.depth) == (len(bad.values), bad.depth) and not good.garbage and good != bad
            for good in tensors
        ):
            _note(notes, "result on the GPU", bad.device, bad.line)
            return


def _tensors(lines: Sequence[Line]) -> Iterator[Shown]:
    """What is printed in brackets, over several lines where it has rows."""
    text = "\n".join(line.text for line in lines)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.text) + 1)
    at = found = index = 0
    while found < MOST and (opened := OPENS.search(text, at)) is not None:
        begin = opened.start()
        end = _end(text, begin)
        at = max(end, begin + 1)
        if end < 0:
            continue
        found += 1
        while starts[index + 1] <= begin:
            index += 1
        block = text[begin:end]
        device = DEVICE.match(text[end : end + 60])
        values = tuple(map(float, NUMBER.findall(block)))
        depth = len(block) - len(block.lstrip("["))
        yield Shown(lines[index].number, values, depth, device["device"] if device is not None else None)


def _end(text: str, begin: int) -> int:
    """Behind the bracket that closes the one at `begin`; -1: none near."""
    depth = 0
    for at in range(begin, min(len(text), begin + LONGEST)):
        if text[at] == "[":
            depth += 1
        elif text[at] == "]":
            depth -= 1
            if not depth:
                return at + 1
    return -1


def _note(notes: Notebook, name: str, device: str, number: int) -> None:
    rate = Rate(name=name, value=0.0, unit="", right=False)
    notes.saw(f"a {name}", number)
    notes.note(Work, "devices", (DeviceWork(device=device, rates=(rate,)),), number, keep=True)
