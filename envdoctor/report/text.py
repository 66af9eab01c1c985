"""Text that came from a machine or a report, made safe and short for a terminal."""

from __future__ import annotations

import unicodedata

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def safe(text: str) -> str:
    """`text` without anything that a terminal would act on: control characters (escapes included) and bidirectional
    marks become ``\\xNN`` forms; tabs become blanks; newlines stay."""
    return "".join(
        character if character == "\n" or not _acts(character) else " " if character == "\t" else _shown(character)
        for character in text
    )


def _acts(character: str) -> bool:
    return character in _BIDI or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")


def _shown(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode("ascii")


def one_line(text: str, width: int, more: str = "…") -> str:
    """The text safe, on one line, cut to `width` characters with `more` at its end."""
    line = " ".join(safe(text).split())
    return line if len(line) <= width else line[: max(width - len(more), 0)].rstrip() + more


def plain(text: str, encoding: str) -> str:
    """The text in characters that `encoding` has, those it lacks replaced by their nearest ASCII form."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return "".join(_ascii(character, encoding) for character in text)
    except LookupError:
        return plain(text, "ascii")
    return text


_NEAREST = {
    "…": "...",
    "–": "-",
    "—": "-",
    "×": "x",
    "→": "->",
    "✓": "ok",
    "✗": "x",
    "•": "*",
    "’": "'",
    "“": '"',
    "”": '"',
}


def _ascii(character: str, encoding: str) -> str:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return _NEAREST.get(character, "?")
    return character
