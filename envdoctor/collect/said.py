"""What a child said, and what its death means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from envdoctor.collect.host import CannotLook, ChildResult

TRACEBACK = "Traceback (most recent call last):"
"""In stderr: our own script raised. That is no crash of what it asked."""


def said(result: ChildResult, stage: str) -> dict[str, Any] | None:
    """What the child said when it left `stage`; None: it never did."""
    for line in result.stages:
        if line["stage"] == stage and line.get("event") == "leave":
            return {key: value for key, value in line.items() if key not in ("stage", "event")}
    return None


def died(result: ChildResult, names: Mapping[str, str], what: str) -> CannotLook:
    """The exception that says how a child ended: which call (`names` by stage), of what signal or deadline, and where."""
    call = names.get(result.stage or "", result.stage) or what
    kind, end = how_it_ended(result)
    return CannotLook(kind, f"{call} {end}", stage=result.stage, signal=result.signal, frame=result.frame)


def how_it_ended(result: ChildResult) -> tuple[Any, str]:
    """The kind of problem, and a predicate for a sentence."""
    if result.outcome == "timeout":
        return "timeout", f"did not answer within {result.seconds:.0f} s"
    if result.outcome == "unkillable":
        return (
            "timeout",
            f"did not answer within {result.seconds:.0f} s and cannot be killed (it waits inside the kernel)",
        )
    if result.outcome == "signalled":
        return "crashed", f"was ended by {result.signal}"
    raised = result.exit_code == 1 and TRACEBACK in result.stderr
    if result.stage is not None and not raised:
        return "crashed", f"ended its process with exit code {result.exit_code}"
    last = result.stderr.rstrip().rpartition("\n")[2] if raised else result.stderr
    words = " ".join(last.split())[-200:]
    return "failed", f"ended with exit code {result.exit_code}" + (f": {words}" if words else "")
