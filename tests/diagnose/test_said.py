from __future__ import annotations

import pytest

from envdoctor.diagnose.plugins import load_checks
from envdoctor.diagnose.said import confidence_of, pointing_at, quoted
from envdoctor.diagnose.testing import judge
from envdoctor.facts import Container, Message, Messages
from envdoctor.knowledge.messages import MESSAGES, MessageRow

READ = ("cuda.", "cudnn.", "nccl.")
ROWS = [row for row in MESSAGES if (row.cause or "").startswith(READ)]


def test_the_surest_message_comes_first() -> None:
    unclear, sure = Message(key="nccl-system-error", text="a"), Message(key="nccl-no-socket-interface", text="b")
    assert pointing_at(Messages(messages=(unclear, sure)), "nccl.transport") == (sure, unclear)
    assert pointing_at(Messages(messages=(unclear,)), "nccl.missing") == ()
    assert pointing_at(None, "nccl.missing") == ()


def test_how_surely() -> None:
    assert confidence_of(Message(key="nccl-no-socket-interface", text="")) == "certain"
    assert confidence_of(Message(key="nccl-system-error", text="")) == "possible"
    assert confidence_of(Message(key="no such row", text="")) == "possible"


def test_quotes_fit() -> None:
    assert quoted(Message(key="x", text="two\n  words"), 20) == "two words"
    assert quoted(Message(key="x", text="a long sentence"), 8) == "a long…"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_every_message_of_these_areas_is_heard(row: MessageRow) -> None:
    """Alone, as in a pasted line; of a container, where error 803 is another cause."""
    said = Messages(messages=(Message(key=row.key, text=f"some words, {row.pattern} {'and more ' * 12}"),))
    findings = judge(str(row.cause), said, Container(engine="docker", gpus_requested=True)).findings
    assert findings
    assert all(len(finding.title) <= 100 and len(finding.fix) <= 2 for finding in findings)
    assert load_checks().by_id()[str(row.cause)]
