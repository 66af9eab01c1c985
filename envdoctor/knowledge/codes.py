"""Error codes of the CUDA driver and runtime API and of NVML, and the root cause that each points at."""

from __future__ import annotations

import functools
import re

from envdoctor.knowledge.table import Row, rows


class CodeRow(Row, frozen=True, kw_only=True):
    """One error code."""

    code: int
    name: str
    """``CUDA_ERROR_NO_DEVICE``, ``NVML_ERROR_LIB_RM_VERSION_MISMATCH``; the runtime's name where the driver API has none."""
    text: str = ""
    """What the library's own error string says; empty: not published."""
    runtime_name: str | None = None
    """``cudaErrorNoDevice``, where the runtime has a name of its own."""
    cause: str | None = None
    """The id it most likely stands for; None: it says nothing about the environment."""
    also: tuple[str, ...] = ()
    """Other ids that it can stand for."""


@functools.cache
def _cuda() -> dict[int, CodeRow]:
    return {row.code: row for row in rows("cuda_codes", CodeRow)}


@functools.cache
def _nvml() -> dict[int, CodeRow]:
    return {row.code: row for row in rows("nvml_codes", CodeRow)}


def cuda_code(code: int) -> CodeRow | None:
    """The row of a CUDA error (CUresult and cudaError_t share their numbers); None: an unknown number."""
    return _cuda().get(code)


def nvml_code(code: int) -> CodeRow | None:
    """The row of an nvmlReturn_t; None: an unknown number."""
    return _nvml().get(code)


_SAID = re.compile(
    r"(?:init failure|Error|error|code|failed with(?: code)?|CUresult|status|returned)\s*[:=(]?\s*(?P<number>\d{2,3})\b|"
    r"\b(?P<name>CUDA_ERROR_[A-Z_]+|cudaError[A-Z]\w+)"
)


@functools.cache
def _by_name() -> dict[str, CodeRow]:
    rows_by_name = {row.name: row for row in _cuda().values()}
    return rows_by_name | {row.runtime_name: row for row in _cuda().values() if row.runtime_name}


def cuda_code_in(text: str) -> CodeRow | None:
    """The CUDA error that a message names, by number or by name; None: none, or an unknown one."""
    for found in _SAID.finditer(text):
        row = _by_name().get(found["name"]) if found["name"] else cuda_code(int(found["number"]))
        if row is not None:
            return row
    return None
