"""Which driver runs which CUDA, and which GPU.

Two minima are easily mixed up. A toolkit *ships with* a driver (`driver_for_cuda`), whose CUDA number nvidia-smi shows. But since
CUDA 11 a binary also runs on any older driver of the same major from `minimum_driver` on, PTX excepted: torch wheels live by that.
"""

from __future__ import annotations

import bisect
import functools
from typing import Literal

from envdoctor.knowledge.table import Row, rows

OpenModule = Literal["cannot", "can", "must"]


class ToolkitRow(Row, frozen=True, kw_only=True):
    """One CUDA toolkit release."""

    cuda: str
    """``12.4.1``."""
    linux_driver: str | None = None
    """The driver that it ships with; None: not published."""
    windows_driver: str | None = None


class MinimumRow(Row, frozen=True, kw_only=True):
    """The lowest driver under minor-version compatibility."""

    cuda_major: int
    linux_driver: str
    windows_driver: str | None = None


class BranchRow(Row, frozen=True, kw_only=True):
    """One driver branch."""

    branch: int
    """The first number of its versions."""
    cuda_max: str
    """The CUDA version that nvidia-smi shows."""
    min_cc: str | None = None
    """The lowest compute capability it drives."""
    max_cc: str | None = None
    status: str
    """``LTS``, ``production``, ``new-feature``, ``legacy``, ``eol``, ``newest``."""
    eol: str | None = None
    """The month its support ends or ended, ``2028-06``."""

    @property
    def has_open_module(self) -> bool:
        """Whether the branch comes with open kernel modules."""
        return self.branch >= 515

    @property
    def open_module_is_default(self) -> bool:
        """Whether the installer takes the open modules by itself, on Turing and newer."""
        return self.branch >= 560


class ArchitectureRow(Row, frozen=True, kw_only=True):
    """One GPU architecture, as far as drivers tell it apart."""

    name: str
    compute_capabilities: tuple[str, ...]
    first_branch: int | None = None
    """The first branch that drives it; None: older than the table, unknown, or a Jetson with drivers of its own."""
    last_branch: int | None = None
    """The last one; None: still supported."""
    last_cuda: str | None = None
    """The last CUDA that compiles for it; None: still supported."""
    open_module: OpenModule
    """Whether the open kernel module cannot drive it, can, or is the only one that does."""


@functools.cache
def branches() -> tuple[BranchRow, ...]:
    """Every branch, oldest first."""
    return rows("driver_branches", BranchRow)


@functools.cache
def toolkits() -> tuple[ToolkitRow, ...]:
    """Every toolkit release, oldest first."""
    return rows("cuda_toolkits", ToolkitRow)


@functools.cache
def _minima() -> dict[int, MinimumRow]:
    return {row.cuda_major: row for row in rows("minimum_drivers", MinimumRow)}


@functools.cache
def _architectures() -> dict[str, ArchitectureRow]:
    return {cc: row for row in rows("architectures", ArchitectureRow) for cc in row.compute_capabilities}


def version_key(version: str) -> tuple[int, ...]:
    """A driver or CUDA version for comparison: ``535.54.03`` → (535, 54, 3). Raises ValueError for anything else."""
    return tuple(int(part) for part in version.split("."))


def branch_of(version: str) -> BranchRow | None:
    """The branch of a driver version; Windows numbers (537.42 is of branch 535) included. None: unknown or newer than the table."""
    try:
        number = version_key(version)[0]
    except ValueError:
        return None
    known = branches()
    index = bisect.bisect_right([row.branch for row in known], number) - 1
    if index < 0 or number - known[index].branch > 4:
        return None
    return known[index]


def cuda_of_driver(version: str) -> tuple[int, int] | None:
    """The highest CUDA (major, minor) that drivers of this version's branch run; None: an unknown branch."""
    branch = branch_of(version)
    if branch is None:
        return None
    major, minor = version_key(branch.cuda_max)
    return major, minor


def minimum_driver(cuda_major: int) -> str | None:
    """The lowest Linux driver that runs binaries of any CUDA of this major; None: before CUDA 11, or not known."""
    row = _minima().get(cuda_major)
    return row.linux_driver if row else None


def driver_for_cuda(major: int, minor: int) -> str | None:
    """The Linux driver that the first toolkit release of that version ships with."""
    matching = (row for row in toolkits() if version_key(row.cuda)[:2] == (major, minor) and row.linux_driver)
    return next((row.linux_driver for row in matching), None)


def lowest_driver_for(major: int, minor: int) -> str | None:
    """The lowest Linux driver that runs binaries built with this CUDA, minor-version compatibility counted."""
    return minimum_driver(major) or driver_for_cuda(major, minor)


def runs_cuda(driver_cuda: tuple[int, int], built_cuda: tuple[int, int]) -> bool:
    """Whether a driver of CUDA `driver_cuda` runs binaries (not PTX) that were built with `built_cuda`."""
    if built_cuda[0] >= 11:
        return driver_cuda[0] >= built_cuda[0]
    return driver_cuda >= built_cuda


def architecture(compute_capability: str) -> ArchitectureRow | None:
    """The architecture of ``8.9``."""
    return _architectures().get(compute_capability)


def drives(version: str, compute_capability: str) -> bool | None:
    """Whether drivers of this version's branch know GPUs of that compute capability; None: the tables do not say."""
    branch, row = branch_of(version), architecture(compute_capability)
    if branch is None or row is None or (row.first_branch is None and row.last_branch is None):
        return None
    since = row.first_branch is None or row.first_branch <= branch.branch
    until = row.last_branch is None or branch.branch <= row.last_branch
    return since and until
