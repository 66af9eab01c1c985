"""Pasted reports from end to end: text in, cause out."""

from __future__ import annotations

import pytest

from envdoctor.examine import judge
from envdoctor.read.text import read_text
from reports import REPORTS, Paste


def cause_of(text: str) -> str | None:
    return judge(read_text(text, "2026-01-01T00:00:00Z")).verdict.cause


@pytest.mark.parametrize("paste", REPORTS, ids=lambda paste: f"{paste.cause}: {paste.text[:40]}")
def test_the_cause_is_named(paste: Paste) -> None:
    assert cause_of(paste.text) == paste.cause
