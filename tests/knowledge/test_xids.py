"""Xid codes."""

from __future__ import annotations

from envdoctor.knowledge.xids import xid


def test_79_is_the_gpu_gone() -> None:
    row = xid(79)
    assert row is not None
    assert (row.severity, row.category, row.cause) == ("fatal", "hardware", "driver.gpu-lost")
    assert "fallen off the bus" in row.meaning


def test_13_and_31_are_the_programs() -> None:
    for code in (13, 31):
        row = xid(code)
        assert row is not None
        assert row.severity == "warning"
        assert row.cause is None


def test_unknown_code() -> None:
    assert xid(99999) is None
