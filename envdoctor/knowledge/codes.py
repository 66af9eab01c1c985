"""Error codes of the CUDA driver and runtime API and of NVML, and the root cause that each points at."""

from __future__ import annotations

import functools

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
