"""A pasted text as lines without the noise round them: escapes, fences, quote marks, log prefixes. All shedding is done here."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

LONGEST = 4000
"""Characters of a line that are read: what machines print of themselves is shorter."""
MOST = 16 << 20
"""Characters of a text that are read."""

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
_TAGS = re.compile(
    r"</?(?:pre|code|details|summary|br|p|div|span|kbd|samp|b|i|strong|em|li|ul|ol|td|tr|table)\b[^>]{0,200}>",
    re.IGNORECASE,
)
_QUOTE = re.compile(r"^(?:\s{0,3}(?:>(?!>)|&gt;)\s?)+")
_TYPOGRAPHY = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\uff1a": ":",
        "\uff08": "(",
        "\uff09": ")",
        "\u00a0": " ",
    }
)
"""What word processors and input methods make of plain characters."""
_FENCE = re.compile(r"^\s*(?:```+|~~~+)[\w .+-]*$")
_PREFIXES = (
    re.compile(
        r"^\s*\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\s+(?=\S)"
    ),  # kubectl logs --timestamps
    re.compile(
        r"^\s*[\w.-]+(?:-\d+|_\d+)?\s+\|\s(?=.)(?!\s*(?:[ef]?grep|head|tail|less|more|awk|sed|wc|tee|sort)\b)"
    ),  # docker compose: `svc-1  | `; not `lspci | grep`
    re.compile(r"^\s*\[(?:rank|trainer|worker|default)[\w |:-]{0,12}\]:?\s*"),  # torchrun
    re.compile(r"^\s*\((?:\w+ )?pid=\d+[^)]{0,60}\)\s*"),  # Ray, vLLM
    re.compile(r"^\s*\([A-Z]\w+ (?:pid|rank)=[^)]{0,60}\)\s*"),
    re.compile(r"^\s*(?:ERROR|WARNING|INFO|DEBUG) \d\d-\d\d \d\d:\d\d:\d\d \[?[\w./]+(?:\.py)?:\d+\]\s?"),  # vLLM
    re.compile(r"^\s*[A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d [\w.-]+ (?=[\w./-]+(?:\[\d+\])?:)"),  # syslog, journal
)
_PREFIXED = re.compile("|".join(prefix.pattern for prefix in _PREFIXES))
PROMPT = re.compile(
    r"^\s*(?:>>>|\.\.\.|In \[\d+\]:|[$#%]|(?:\(\S+\)\s*)?\S+@\S+[:~]\S*[$#]|\[\S+@\S+ [^\]]{1,40}\][$#])\s?"
)
"""Of a shell or of Python, before what somebody types."""
MARKED = 80
"""Characters at a line's begin in which a quotation's marks are looked for."""


class Line(NamedTuple):
    """One line of a report: its number, from 1, and what is left of it."""

    number: int
    text: str


def shed(text: str) -> str:
    """A line without escapes, entities, tags, quote marks and the prefixes that runners put in front."""
    text = text[:LONGEST]
    if not text.isprintable():
        text = _ESCAPES.sub("", text)
    if not text.isascii():
        text = text.translate(_TYPOGRAPHY)
    if "&" in text:
        text = html.unescape(text)
    if "<" in text:
        text = _TAGS.sub("", text)
    if "%20" in text or "%0A" in text:
        text = unquote(text, errors="replace")
    if ">" in text[:MARKED]:
        text = _QUOTE.sub("", text)
    for _ in range(3 if _PREFIXED.match(text) is not None else 0):
        shorter = text
        for prefix in _PREFIXES:
            shorter = prefix.sub("", shorter, count=1)
        if shorter == text:
            break
        text = shorter
    return text.rstrip()


def read_lines(text: str) -> tuple[Line, ...]:
    """Every line that says something, in order. CR, CRLF and literal ``\\n`` (a log in JSON) end a line too."""
    return tuple(_lines(text[:MOST]))


def _lines(text: str) -> Iterator[Line]:
    for number, raw in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        pieces = raw.split("\\n") if raw.count("\\n") > 2 else (raw,)
        for piece in pieces:
            line = shed(piece)
            if line.strip() and not _FENCE.match(line):
                yield Line(number, line)
