"""A machine made of files below a folder: collectors look at it through the same door as at a live one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from envdoctor.collect.host import CannotLook, Finished, LiveHost


class RecordedHost(LiveHost):
    """`files`: path to text (``->`` and a target: a link; None: a folder). `denied`: paths that may not be read.
    `commands`: the first word of a command to what it prints, or to the problem that running it is."""

    def __init__(
        self,
        root: Path,
        files: Mapping[str, str | bytes | None] | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        denied: Sequence[str] = (),
        commands: Mapping[str, Finished | CannotLook] | None = None,
    ) -> None:
        super().__init__(sysroot=str(root), environ=dict(environ or {}))
        self.denied, self.commands = tuple(denied), dict(commands or {})
        for path, content in (files or {}).items():
            place = root / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                place.mkdir(exist_ok=True)
            elif isinstance(content, bytes):
                place.write_bytes(content)
            elif content.startswith("->"):
                place.symlink_to(content[2:])
            else:
                place.write_text(content)

    def _real(self, path: str) -> Path:
        if path in self.denied:
            raise PermissionError(13, "Permission denied", path)
        return super()._real(path)

    def run(self, command: Sequence[str], seconds: float = 5.0) -> Finished:
        """What was recorded of that command."""
        answer = self.commands.get(command[0], CannotLook("absent", f"{command[0]} is not installed"))
        if isinstance(answer, CannotLook):
            raise answer
        return answer

    def stat(self, path: str) -> os.stat_result:
        """As `LiveHost.stat`."""
        return self._real(path).stat()
