"""NVIDIA Xid codes: what the driver reports to the kernel log, how bad it is, and what to do."""

from __future__ import annotations

import functools
from typing import Literal

from envdoctor.knowledge.table import Row, rows


class XidRow(Row, frozen=True, kw_only=True):
    """One Xid code. Severity and category are derived from NVIDIA's resolution buckets and from what cluster operators act upon."""

    code: int
    mnemonic: str
    meaning: str
    severity: Literal["fatal", "critical", "warning", "info"]
    """fatal: out of service; critical: the GPU must be reset before further use; warning: one application was hit; info: nothing to do."""
    category: Literal["hardware", "driver", "application", "hardware-or-application", "unused"]
    action: str
    cause: str | None = None
    """None: user code, or nothing to mend in the environment."""


@functools.cache
def _xids() -> dict[int, XidRow]:
    return {row.code: row for row in rows("xids", XidRow)}


def xid(code: int) -> XidRow | None:
    """The row of a code; None: a code that the table does not know."""
    return _xids().get(code)
