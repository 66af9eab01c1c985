"""Pasted reports from end to end: text in, cause out."""

from __future__ import annotations

from pathlib import Path

import pytest

from envdoctor.examine import judge
from envdoctor.read.text import read_text
from reports import REPORTS, Paste


def sentences() -> list[Paste]:
    """What programs say, a line or a few of each, written for these tests: ``cause | text``, with escapes as in Python."""
    rows = (Path(__file__).parent / "sentences.txt").read_text(encoding="utf-8").splitlines()
    pairs = (row.split(" | ", 1) for row in rows)
    return [Paste(None if cause == "healthy" else cause, plain(text)) for cause, text in pairs]


def plain(text: str) -> str:
    """The text that the escapes stand for."""
    return text.replace("\\\\", "\0").replace("\\n", "\n").replace("\\t", "\t").replace("\0", "\\")


def cause_of(text: str) -> str | None:
    return judge(read_text(text, "2026-01-01T00:00:00Z")).verdict.cause


@pytest.mark.parametrize("paste", (*REPORTS, *sentences()), ids=lambda paste: f"{paste.cause}: {paste.text[:40]}")
def test_the_cause_is_named(paste: Paste) -> None:
    assert cause_of(paste.text) == paste.cause
