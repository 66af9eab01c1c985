"""Recognised messages as evidence: which of them point at a cause, and how surely."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from envdoctor.diagnose.api import Confidence, Finding, Fix
from envdoctor.diagnose.in_context import in_context
from envdoctor.facts import Message, Messages, Snapshot
from envdoctor.knowledge.messages import MessageRow, Specificity, message

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
        decided = in_context(row, said, snapshot)
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


def _order(specificity: Specificity) -> int:
    return list(CONFIDENCE).index(specificity)
