"""Tensors that print other numbers after a copy to another GPU: Python prompts in which the card itself is caught."""

from __future__ import annotations

import re
from collections.abc import Sequence

from envdoctor.facts import Rate, Work
from envdoctor.facts.work import DeviceWork
from envdoctor.read.lines import Line
from envdoctor.read.notebook import Notebook

SHOWN = re.compile(r"^\s*(?:>>>|In \[\d+\]:)\s*(?P<name>[A-Za-z_]\w*)\s*$")
COPIED = re.compile(
    r"^\s*(?:>>>|In \[\d+\]:)\s*(?P<name>[A-Za-z_]\w*)\.(?:to|cuda)\(\s*(?:device=)?['\"]?(?:cuda:)?(?P<gpu>\d+)['\"]?\s*\)\s*$"
)
PRINTED = re.compile(r"^\s*(?:Out\[\d+\]:\s*)?tensor\((?P<values>\[.*?\])(?:,\s*device='(?P<device>[\w:]+)')?.*\)\s*$")


def read_copies(lines: Sequence[Line], notes: Notebook) -> None:
    """Note a copy whose numbers are not those of the original."""
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
                rate = Rate(name="copy to another GPU", value=0.0, unit="", right=False)
                device = DeviceWork(device=printed["device"] or "cuda", rates=(rate,))
                notes.saw("a copy to another GPU", number)
                notes.note(Work, "devices", (device,), number, keep=True)
        asked = (show["name"], False) if show is not None else (copy["name"], True) if copy is not None else None
