"""The stack as lines: no cell is cut, and what does not fit beside its version goes below it, a path unbroken but at a slash."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rich.text import Text

from envdoctor.report.stack import Row
from envdoctor.report.text import safe

GAP = 2
HEADER = Row("", "built for", "found", "where")


def stack_lines(rows: Sequence[Row], width: int) -> Iterator[Text]:
    """A header and the rows, at most `width` columns wide."""
    rows = [HEADER, *(Row(*map(safe, row)) for row in rows)]
    component = max(len(row.component) for row in rows) + GAP
    compiled = max(len(row.compiled) for row in rows) + GAP
    room = max(width - component - compiled, 4)  # however much a report has in the columns before
    beside = [len(row.found) for row in rows if row.where and len(row.found) + GAP + len(row.where) <= room]
    column = max(beside, default=0) + GAP
    for row in rows:
        head = row.component.ljust(component) + row.compiled.ljust(compiled)
        for found, where in _cells(row, column, room):
            yield Text.assemble((head + found, "dim" if row is HEADER else ""), (where, "dim"))
            head = " " * len(head)


def _cells(row: Row, column: int, room: int) -> Iterator[tuple[str, str]]:
    """What was found, and where: beside it in its column, beside it after a gap, or below it."""
    *lines, last = fold(row.found, room)
    yield from ((line, "") for line in lines)
    for start in (column, len(last) + GAP):
        if len(last) < start and start + len(row.where) <= room:
            yield last.ljust(start), row.where
            return
    yield last, ""
    yield from (("", line) for line in fold(row.where, room))


def fold(text: str, width: int) -> Iterator[str]:
    """The text in pieces of at most `width` columns, broken after a blank or a slash where there is one."""
    line = ""
    for piece in re.findall(r"[^ /]*[ /]|[^ /]+$", text):
        if line and len((line + piece).rstrip()) > width:
            yield line.rstrip()
            line = ""
        line += piece
        while len(line.rstrip()) > width:
            yield line[:width]
            line = line[width:]
    yield line.rstrip()
