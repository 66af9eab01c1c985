"""Recognised messages as evidence: which of them point at a cause, and how surely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from envdoctor.diagnose.api import Confidence, Finding, Fix
from envdoctor.facts import Message, Messages
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
    """The text in `room` characters at most, for a title."""
    text = " ".join(said.text.split())
    return text if len(text) <= room else text[: room - 1].rstrip() + "…"


def findings_of(messages: Messages | None, found: Iterable[Finding]) -> Iterator[Finding]:
    """A finding for each cause that a message of a report stands for, where no check found facts for it: the text is then the evidence.

    What is ambiguous counts only where nothing better was said or found.
    """
    known = {finding.id for finding in found if finding.severity != "info"}
    best: dict[str, tuple[Specificity, Message]] = {}
    for said in messages.messages if messages is not None else ():
        row = _row(said)
        if row is None or row.cause is None or row.cause in known:
            continue
        if row.cause not in best or _order(row.specificity) < _order(best[row.cause][0]):
            best[row.cause] = row.specificity, said
    sure = bool(known) or any(specificity != "ambiguous" for specificity, _ in best.values())
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


def _order(specificity: Specificity) -> int:
    return list(CONFIDENCE).index(specificity)
