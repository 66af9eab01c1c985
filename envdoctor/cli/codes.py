"""The exit codes: the same in every format."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envdoctor.report.model import Report

FINE, FOUND, FAILED, UNDECIDED = 0, 1, 2, 3
INTERRUPTED = 130
"""Ctrl-C before there was anything to report: what a shell says of a program that SIGINT ended."""


def exit_code(report: Report, fail_on: str) -> int:
    """0 fine, 1 findings at or above `fail_on` (``error``, ``warning``, ``never``), 3 could not decide."""
    if fail_on == "never":
        return FINE
    severities = ("error",) if fail_on == "error" else ("error", "warning")
    if any(finding.severity in severities for finding in report.findings):
        return FOUND
    return UNDECIDED if report.verdict.status == "unknown" else FINE
