"""Messages that programs print when the GPU is not used, and the root cause that each points at."""

from __future__ import annotations

import functools
import re
from typing import Literal

from envdoctor.facts import Message
from envdoctor.knowledge.table import Row, rows

Specificity = Literal["specific", "likely", "ambiguous"]

CATCH_ALL = "-any"
"""The end of a key whose row reads a whole class of texts: it gives way to a row that knows the line."""
FOLDED = 16
"""Patterns of so many characters and more are found however they are capitalised: people retype messages, titles of reports capitalise them."""
_REACH = 240
"""How far around a hit the stricter expression of a row may look, and the longest line that is quoted, in characters."""
_TRIES = 500
"""Hits round which a stricter expression is tried: a log that repeats the pattern endlessly must not take for ever."""


class MessageRow(Row, frozen=True, kw_only=True):
    """One message."""

    key: str
    """``torch-no-nvidia-driver``: who says it and what; stable."""
    pattern: str
    """A distinctive part of the text, searched as it stands."""
    regex: str | None = None
    """A stricter expression that must also match round the hit."""
    emitter: str
    cause: str | None = None
    """The id it most likely points at; None: noise, or the user's code."""
    also: tuple[str, ...] = ()
    """Other ids that the same text can point at."""
    specificity: Specificity
    """specific: the text alone decides; likely: usually; ambiguous: other evidence must decide."""
    versions: str | None = None
    """Releases of the emitter that say it, as far as known."""


MESSAGES: tuple[MessageRow, ...] = rows("messages", MessageRow)


@functools.cache
def _by_key() -> dict[str, MessageRow]:
    return {row.key: row for row in MESSAGES}


@functools.cache
def _compiled(regex: str) -> re.Pattern[str]:
    return re.compile(regex)


def message(key: str) -> MessageRow | None:
    """The row of that key."""
    return _by_key().get(key)


@functools.cache
def _needle(row: MessageRow) -> str:
    """What is searched for: folded where the text is."""
    return row.pattern.lower() if len(row.pattern) >= FOLDED else row.pattern


@functools.cache
def _word(row: MessageRow) -> str:
    """The longest word of what is searched for: where no word of a text contains it, the text lacks the message."""
    return max(_needle(row).split(" "), key=len)


def _vocabulary(text: str) -> str:
    """Every word of a text, once: far shorter than a log, and each search in it as much cheaper."""
    return " ".join(set(text.split(" ")))


def fold(text: str) -> str:
    """`text` in small letters, each at its place."""
    return text.replace("\u0130", "i").lower()  # the one letter whose small form is longer


def _find(row: MessageRow, text: str, flat: str, folded: str) -> int:
    """Where the row's message first stands; -1: nowhere. A stricter expression looks at the text's lines first, then across them."""
    needle = _needle(row)
    where = folded if len(needle) >= FOLDED else flat
    at = where.find(needle)
    if at < 0 or row.regex is None:
        return at
    within = _strict(row, text, where, at)
    if (
        within >= 0 or flat is text or row.key.endswith(CATCH_ALL)
    ):  # whose words, across lines, may belong to two messages
        return within
    return _strict(row, flat, where, at)


def _strict(row: MessageRow, text: str, where: str, at: int) -> int:
    """The first hit from `at` on round which the row's stricter expression matches `text`; -1: none."""
    needle, regex = _needle(row), _compiled(row.regex or "")
    tried: set[str] = set()  # a log repeats itself
    for _ in range(_TRIES):
        begin = max(0, at - _REACH)
        window = text[begin : at + len(row.pattern) + _REACH]
        found = regex.search(window) if window not in tried else None
        tried.add(window)
        if found is not None:
            inside = where.find(needle, begin + found.start(), begin + found.end())
            return inside if inside >= 0 else at
        at = where.find(needle, at + max(len(needle), _REACH // 2))  # what lies nearer has been looked at
        if at < 0:
            break
    return -1


def _line(text: str, at: int, length: int) -> str:
    """The line that the hit stands in, cut to what can be quoted."""
    begin = text.rfind("\n", max(0, at - _REACH), at) + 1 or max(0, at - _REACH)
    end = text.find("\n", at + length, at + length + _REACH)
    return text[begin : end if end >= 0 else at + length + _REACH].strip()


def recognise(text: str, flat: str | None = None) -> tuple[Message, ...]:
    """The messages of the table that stand in `text`, each once, in the order of their first appearance.

    `flat` is the text with a blank for each newline, where a terminal may have broken a message anywhere.
    A row whose hit lies within a longer row's hit is left out: the longer one says more. One search of the text per row.
    """
    flat = text if flat is None else flat
    folded = fold(flat)
    words, folded_words = _vocabulary(flat), _vocabulary(folded)
    possible = (row for row in MESSAGES if _word(row) in (folded_words if len(_needle(row)) >= FOLDED else words))
    hits = [(at, row) for row in possible if (at := _find(row, text, flat, folded)) >= 0]
    spans = [(at, at + len(row.pattern)) for at, row in hits]

    def said_better(at: int, end: int) -> bool:
        return any(a <= at and end <= b and (a, b) != (at, end) for a, b in spans)

    kept = [(at, row) for (at, row), (_, end) in zip(hits, spans, strict=True) if not said_better(at, end)]
    kept.sort(key=lambda hit: hit[0])
    said = [(row, _line(text, at, len(row.pattern))) for at, row in kept]
    named = {(row.cause, line) for row, line in said if not row.key.endswith(CATCH_ALL)}
    return tuple(
        Message(key=row.key, text=line, emitter=row.emitter)
        for row, line in said
        if not row.key.endswith(CATCH_ALL) or (row.cause, line) not in named
    )
