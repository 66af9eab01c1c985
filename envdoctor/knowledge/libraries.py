"""The shared libraries that torch loads: their families, how each tells its version, and the wheels that ship them."""

from __future__ import annotations

import functools
import re

import msgspec

from envdoctor.knowledge.table import Row, rows


class LibraryRow(Row, frozen=True, kw_only=True):
    """One family of libraries."""

    family: str
    """``cudart``, ``cudnn_graph``, ``cublasLt``, ``nvjitlink``, ``cuda`` (the driver), ``torch_cuda`` …"""
    pattern: str
    """A regular expression for the whole file name up to ``.so``, without ``lib``: ``cudart(-[0-9a-f]+)?``."""
    owner: str
    """Whose it is: ``cuda``, ``cudnn``, ``nccl``, ``driver``, ``torch``, ``rocm``."""
    version_call: str | None = None
    """The exported function that tells its version."""
    wheels: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """What ships it, by the number after ``.so.`` (``*``: any): ``{"12": ["nvidia-cuda-runtime-cu12"]}``."""


LIBRARIES: tuple[LibraryRow, ...] = rows("libraries", LibraryRow)

_NAME = re.compile(r"lib(?P<stem>.+?)\.so(?:\.(?P<number>[0-9][0-9.]*))?")


@functools.cache
def _pattern() -> re.Pattern[str]:
    return re.compile("|".join(f"(?P<f{index}>{row.pattern})" for index, row in enumerate(LIBRARIES)))


def _row(filename: str) -> tuple[LibraryRow, str] | None:
    name = _NAME.fullmatch(filename.rpartition("/")[2])
    found = _pattern().fullmatch(name["stem"]) if name else None
    if name is None or found is None or found.lastgroup is None:
        return None
    return LIBRARIES[int(found.lastgroup[1:])], name["number"] or ""


def library(filename: str) -> LibraryRow | None:
    """The row of a file name or path such as ``libcudnn_graph.so.9.1.0``; None: a library that does not matter here."""
    found = _row(filename)
    return found[0] if found else None


def family_of(filename: str) -> str | None:
    """The family of a file name or path."""
    row = library(filename)
    return row.family if row else None


def providers(filename: str) -> tuple[str, ...]:
    """The wheels that ship a file of this name, most usual first; none where no wheel does, or the number is unknown."""
    found = _row(filename)
    if found is None:
        return ()
    row, number = found
    for length in range(number.count(".") + 1, 0, -1):
        wheels = row.wheels.get(".".join(number.split(".")[:length]))
        if wheels:
            return wheels
    return row.wheels.get("*", ())
