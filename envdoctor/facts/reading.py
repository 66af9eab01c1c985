"""What a report that somebody sent was found to hold."""

from __future__ import annotations

from typing import ClassVar

from envdoctor.facts.base import Fact


class Reading(Fact, frozen=True, kw_only=True):
    """What was recognised in a text, and where it contradicts itself."""

    default_source: ClassVar[str] = "the report"

    lines: int = 0
    """Lines that were read."""
    recognised: dict[str, int] = {}
    """Kind of output (``nvidia-smi``, ``torch.utils.collect_env`` …) to the line where it begins."""
    contradictions: tuple[str, ...] = ()
    """``torch_install.version: 2.2.0 (report line 2), 2.3.0 (report line 9)``: two machines, or two tries, in one text."""
    amd_line: int | None = None
    """The line that names a GPU of AMD's; None: none does."""


class Redaction(Fact, frozen=True, kw_only=True):
    """What was taken out of a snapshot before it was sent."""

    default_source: ClassVar[str] = "envdoctor snapshot"

    removed: dict[str, int] = {}
    """Kind to how often it was replaced: ``user name``, ``host name``, ``address``, ``uuid``, ``token`` …"""
