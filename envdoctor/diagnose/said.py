"""Recognised messages as evidence: which of them point at a cause, and how surely."""

from __future__ import annotations

from envdoctor.diagnose.api import Confidence
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
