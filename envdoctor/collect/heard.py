"""What a child says on its channel, and where its Python stood: the reading side of ``inside/channel.py``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

Heard = Callable[[str], None]
"""Called with the name of each stage as the child enters it."""

KEEP_CHANNEL = 16 << 20
"""Bytes that a child may say on its own channel."""


class Channel:
    """The lines of one child. Only those that carry the nonce are its own: anything that it loads may find the pipe."""

    def __init__(self, nonce: str, heard: Heard | None) -> None:
        self.nonce, self.heard = nonce, heard
        self.lines: list[dict[str, Any]] = []
        self.partial = bytearray()
        self.taken = 0

    def add(self, data: bytes) -> None:
        """Take in more of the stream."""
        data = data[: max(KEEP_CHANNEL - self.taken, 0)]
        self.taken += len(data)
        *whole, rest = data.split(b"\n")
        for piece in whole:
            self.partial += piece
            self._line(self.partial.decode("utf-8", "replace"))
            self.partial = bytearray()
        self.partial += rest

    def _line(self, text: str) -> None:
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return
        if (
            not isinstance(said, dict)
            or said.pop("nonce", None) != self.nonce
            or not isinstance(said.get("stage"), str)
        ):
            return
        self.lines.append(said)
        if self.heard is not None and said.get("event") == "enter":
            self.heard(said["stage"])


def open_stage(lines: Iterable[dict[str, Any]]) -> str | None:
    """The stage that was entered last and never left; None: all were left."""
    entered: list[str] = []
    for said in lines:
        if said.get("event") == "enter":
            entered.append(said["stage"])
        elif said.get("event") == "leave" and said["stage"] in entered:
            entered.remove(said["stage"])
    return entered[-1] if entered else None


_FRAME = re.compile(r'^  File "(?P<file>[^"]+)", line (?P<line>\d+) in (?P<function>.+)$', re.MULTILINE)
_WATCHDOG = re.compile(r"^Timeout \(\d+:\d\d:\d\d", re.MULTILINE)


def last_frame(trace: str) -> str | None:
    """The innermost frame of the thread that stood still, from what faulthandler wrote."""
    last = re.split(r"^(?:Fatal Python error|Current thread|Thread 0x)", trace, flags=re.MULTILINE)
    for part in reversed(last):
        found = _FRAME.search(part)
        if found is not None:
            return f"{found['file']}:{found['line']} in {found['function']}"
    return None


def ended_itself(trace: str) -> bool:
    """Whether the child's own watchdog (``faulthandler.dump_traceback_later``) ended it, since a stage ran over its deadline."""
    return _WATCHDOG.search(trace) is not None
