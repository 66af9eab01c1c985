"""``python -m envdoctor.knowledge.refresh``: bring the tables up to date with what a package index can tell. For developers.

New torch releases with their Pythons, CUDA and pins, and new releases of the packages made for each torch. What only the binaries
tell (arch lists) stays empty in a new row, to be filled in by hand. ``--check`` writes nothing and exits with 1 where something is new.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field

import click
import msgspec
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from envdoctor.knowledge.package_index import Index, PipIndex, cuda_in, glibc_of, pins_in, version_pinned
from envdoctor.knowledge.releases import CompanionRow, Machine, PinRow, ReleaseRow, VariantRow, minor_of
from envdoctor.knowledge.table import Table, rows, write_table

COMPANIONS = ("torchvision", "torchaudio")
"""Made for one torch each, so every release has a row."""


def _today() -> str:
    return datetime.datetime.now(datetime.timezone.utc).date().isoformat()


@dataclass
class Refresh:
    """One run: the tables as they become, and what changed in words."""

    index: Index
    today: str = field(default_factory=_today)
    changes: list[str] = field(default_factory=list)
    releases: list[ReleaseRow] = field(default_factory=lambda: list(rows("torch_releases", ReleaseRow)))
    pins: list[PinRow] = field(default_factory=lambda: list(rows("torch_pins", PinRow)))
    variants: list[VariantRow] = field(default_factory=lambda: list(rows("torch_variants", VariantRow)))
    companions: list[CompanionRow] = field(default_factory=lambda: list(rows("torch_companions", CompanionRow)))

    def _pythons(self, package: str, pythons: Iterable[str], machine: Machine) -> dict[str, tuple[str, ...]]:
        """For each release, the Pythons that it has wheels for."""
        table: dict[str, tuple[str, ...]] = {}
        for python in pythons:
            for version in self.index.versions(package, python, machine):
                table[version] = (*table.get(version, ()), python)
        return table

    def torch(self) -> None:
        """New torch releases, and Pythons that older ones have got."""
        newest = max(Version(python).minor for row in self.releases for python in row.pythons)
        pythons = [f"3.{minor}" for minor in range(9, newest + 2)]
        x86_64, aarch64 = self._pythons("torch", pythons, "x86_64"), self._pythons("torch", pythons, "aarch64")
        for at, row in enumerate(self.releases):
            self.releases[at] = self._grown(row, x86_64.get(row.version, ()), aarch64.get(row.version, ()))
        last = Version(self.releases[-1].version)
        for version in sorted(x86_64, key=Version):
            if Version(version) > last:
                self._add_release(version, x86_64[version], aarch64.get(version, ()))

    def _grown(self, row: ReleaseRow, x86_64: tuple[str, ...], aarch64: tuple[str, ...]) -> ReleaseRow:
        def union(before: tuple[str, ...], now: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(sorted({*before, *now}, key=Version))

        grown = msgspec.structs.replace(
            row, pythons=union(row.pythons, x86_64), pythons_aarch64=union(row.pythons_aarch64, aarch64)
        )
        if grown != row:
            self.changes.append(f"torch {row.version}: wheels for more Pythons")
        return grown

    def _add_release(self, version: str, x86_64: tuple[str, ...], aarch64: tuple[str, ...]) -> None:
        cuda, wheel = self._add_pins(version, x86_64[0], "x86_64")
        if cuda is None:
            self.changes.append(f"torch {version}: its x86_64 wheel names no CUDA; left out")
            return
        self._add_variant(version, cuda)
        row = ReleaseRow(
            version=version,
            date=self.today,
            pythons=x86_64,
            pythons_aarch64=aarch64,
            variant=variant_name(cuda),
            cuda=cuda,
            cuda_aarch64=self._add_pins(version, aarch64[0], "aarch64")[0] if aarch64 else None,
            glibc=glibc_of(wheel),
            source=f"PyPI METADATA torch {version}",
        )
        self.releases.append(row)
        self.changes.append(f"torch {version}: CUDA {cuda}, Python {x86_64[0]} to {x86_64[-1]}")

    def _add_pins(self, version: str, python: str, machine: Machine) -> tuple[str | None, str]:
        """Add what that wheel pins; its CUDA and its file name."""
        metadata = self.index.metadata("torch", version, python, machine)
        pins = pins_in(metadata.requires, machine, python)
        cuda = cuda_in(pins)
        if cuda is not None:
            source = f"PyPI METADATA torch {version}"
            self.pins.append(PinRow(version=version, machine=machine, pins=pins, source=source))
        return cuda, metadata.wheel

    def _add_variant(self, version: str, cuda: str) -> None:
        """Add the default variant of a new minor release; its pins are the last ones added."""
        minor, pins = minor_of(version), self.pins[-1].pins
        if any(row.minor == minor for row in self.variants):
            return
        row = VariantRow(
            minor=minor,
            variant=variant_name(cuda),
            cuda=cuda,
            default=True,
            cudnn=version_pinned(pins, "nvidia-cudnn"),
            nccl=version_pinned(pins, "nvidia-nccl"),
            source=f"PyPI METADATA torch {version}",
        )
        self.variants.append(row)
        self.changes.append(f"torch {minor}: fill in by hand its other variants, and the arch list of {row.variant}")

    def companion(self, package: str) -> None:
        """New releases of one package that is made for torch."""
        known = [at for at, row in enumerate(self.companions) if row.package == package]
        newest = max(Version(self.companions[at].version) for at in known)
        available = self._pythons(package, self.releases[-1].pythons, "x86_64")
        new = [version for version in sorted(available, key=Version) if Version(version) > newest]
        for offset, version in enumerate(new, start=known[-1] + 1):
            metadata = self.index.metadata(package, version, available[version][-1], "x86_64")
            torch = torch_wanted(metadata.requires)
            source = f"PyPI METADATA {package} {version}"
            self.companions.insert(offset, CompanionRow(package=package, version=version, torch=torch, source=source))
            self.changes.append(f"{package} {version}: torch {torch or 'of any version'}")

    def write(self) -> None:
        """Write the tables that this command owns, with today's date."""
        write_table("torch_releases", Table(date=self.today, rows=tuple(self.releases)))
        write_table("torch_pins", Table(date=self.today, rows=tuple(self.pins)))
        write_table("torch_variants", Table(date=self.today, rows=tuple(self.variants)))
        write_table("torch_companions", Table(date=self.today, rows=tuple(self.companions)))


def variant_name(cuda: str) -> str:
    """``12.4`` → ``cu124``."""
    return "cu" + cuda.replace(".", "")


def torch_wanted(requires: Iterable[str]) -> str:
    """The specifier of the torch requirement; empty: any, or none."""
    wanted = (Requirement(line) for line in requires)
    return next((str(item.specifier) for item in wanted if canonicalize_name(item.name) == "torch"), "")


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 where something is new.")
def main(check: bool) -> None:
    """Bring the tables up to date with the package index that pip is configured for."""
    run = Refresh(PipIndex())
    try:
        run.torch()
        for package in COMPANIONS:
            run.companion(package)
    except LookupError as error:
        raise click.ClickException(str(error)) from error
    for change in run.changes:
        click.echo(change)
    if not run.changes:
        click.echo("Nothing new.")
    elif check:
        raise SystemExit(1)
    else:
        run.write()


if __name__ == "__main__":
    main()
