"""torch releases: the CUDA variants of each, what those carry, which Pythons they are made for, and which companions fit."""

from __future__ import annotations

import functools
from typing import Literal

from envdoctor.knowledge.table import Row, rows

Machine = Literal["x86_64", "aarch64"]


class ReleaseRow(Row, frozen=True, kw_only=True):
    """One torch release, as the package index has it. What it says of CUDA holds for Linux."""

    version: str
    """``2.5.1``."""
    date: str
    pythons: tuple[str, ...]
    """The Pythons that have a Linux x86_64 wheel: ``3.9``, ``3.10`` …"""
    pythons_aarch64: tuple[str, ...] = ()
    """Those that have a Linux aarch64 wheel (of whatever kind)."""
    variant: str
    """The variant of the x86_64 wheel on the package index, ``cu124``."""
    cuda: str
    """Its CUDA, ``12.4``."""
    cuda_aarch64: str | None = None
    """The CUDA of the aarch64 wheel on the package index; None: it is a CPU build."""
    glibc: str
    """The lowest glibc that the x86_64 wheel runs on."""


class VariantRow(Row, frozen=True, kw_only=True):
    """One CUDA variant of a minor release."""

    minor: str
    """``2.5``."""
    variant: str
    """``cu124``."""
    cuda: str
    """``12.4``."""
    default: bool = False
    """Whether this is the one that the package index ships."""
    confirmed: bool = True
    """False: only a list inside torch names it, nobody saw the wheel."""
    arch_list: tuple[str, ...] = ()
    """``sm_50``, ``sm_60`` …: what the x86_64 binary has code for; empty: not known."""
    arch_list_aarch64: tuple[str, ...] = ()
    cudnn: str | None = None
    """The cuDNN it is built with and pins, ``9.1.0.70``."""
    nccl: str | None = None


class PinRow(Row, frozen=True, kw_only=True):
    """What the metadata of one torch wheel asks of nvidia-*, cuda-* and triton packages."""

    version: str
    machine: Machine
    pins: dict[str, str]
    """Name to specifier: ``{"nvidia-cudnn-cu12": "==9.1.0.70"}``."""


class CompanionRow(Row, frozen=True, kw_only=True):
    """One release of a package that is compiled against torch, and the torch it asks for."""

    package: str
    version: str
    torch: str
    """Requires-Dist: ``==2.5.1``, ``>=2.10``; empty: any."""
    yanked: bool = False
    first: bool = False
    """True: the row holds from this version to the next row's; else for this version only."""


@functools.cache
def releases() -> dict[str, ReleaseRow]:
    """Every release by version, oldest first."""
    return {row.version: row for row in rows("torch_releases", ReleaseRow)}


@functools.cache
def _variants() -> dict[str, tuple[VariantRow, ...]]:
    table: dict[str, tuple[VariantRow, ...]] = {}
    for row in rows("torch_variants", VariantRow):
        table[row.minor] = (*table.get(row.minor, ()), row)
    return table


@functools.cache
def _pins() -> dict[tuple[str, str], dict[str, str]]:
    return {(row.version, row.machine): row.pins for row in rows("torch_pins", PinRow)}


@functools.cache
def _companions() -> dict[str, tuple[CompanionRow, ...]]:
    table: dict[str, tuple[CompanionRow, ...]] = {}
    for row in rows("torch_companions", CompanionRow):
        table[row.package] = (*table.get(row.package, ()), row)
    return table


def public(version: str) -> str:
    """A version without its local part: ``2.5.1+cu124`` → ``2.5.1``."""
    return version.partition("+")[0]


def minor_of(version: str) -> str:
    """``2.5.1+cu124`` → ``2.5``."""
    return ".".join(public(version).split(".")[:2])


def release(version: str) -> ReleaseRow | None:
    """The row of a torch version, its local part ignored; None: not a release of the table."""
    return releases().get(public(version))


def variants_of(version: str) -> tuple[VariantRow, ...]:
    """The CUDA variants of a torch version, lowest CUDA first."""
    return _variants().get(minor_of(version), ())


def variant(version: str, cuda: str) -> VariantRow | None:
    """The variant of a torch version with that CUDA, ``12.4`` or ``cu124``."""
    return next((row for row in variants_of(version) if cuda in (row.cuda, row.variant)), None)


def pins_of(version: str, machine: Machine = "x86_64") -> dict[str, str]:
    """What the package index's wheel of this torch asks of nvidia-*, cuda-* and triton packages: name to specifier. Empty: unknown."""
    return _pins().get((public(version), machine), {})


def _row_for(package: str, version: str) -> CompanionRow | None:
    from packaging.version import InvalidVersion, Version

    found: CompanionRow | None = None
    try:
        wanted = Version(public(version))
    except InvalidVersion:
        return None
    for row in _companions().get(package, ()):
        known = Version(row.version)
        if known == wanted or (row.first and known < wanted):
            found = row
    return found


def torch_for(package: str, version: str) -> str | None:
    """The torch that a companion release was made for: a version (``2.5.1``) where it asks for exactly one, else a specifier
    (``>=2.14``; empty: any). None: the table does not know. To judge a pair, ask `fits`."""
    row = _row_for(package, version)
    if row is None:
        return None
    return row.torch.removeprefix("==") if "," not in row.torch else row.torch


def fits(package: str, version: str, torch_version: str) -> bool | None:
    """Whether that release of a companion (torchvision, torchaudio, torchtext, xformers, vllm …) fits that torch; None: unknown."""
    from packaging.specifiers import SpecifierSet

    row = _row_for(package, version)
    if row is None:
        return None
    return SpecifierSet(row.torch).contains(public(torch_version), prereleases=True)


def companion_for(package: str, torch_version: str) -> tuple[str, ...]:
    """The releases of a companion package that fit a torch version, newest first, withdrawn ones left out."""
    found = [row.version for row in _companions().get(package, ()) if not row.yanked]
    return tuple(version for version in reversed(found) if fits(package, version, torch_version))
