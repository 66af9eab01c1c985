"""Every table: it decodes, its rows name their sources, its keys are unique and in order."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from packaging.version import Version

from envdoctor.knowledge import table
from envdoctor.knowledge.codes import CodeRow
from envdoctor.knowledge.drivers import ArchitectureRow, BranchRow, MinimumRow, ToolkitRow
from envdoctor.knowledge.gpus import GpuRow, PciName, PciRange
from envdoctor.knowledge.libraries import LibraryRow
from envdoctor.knowledge.messages import MessageRow
from envdoctor.knowledge.rates import Achieved, Floor, Units
from envdoctor.knowledge.releases import CompanionRow, PinRow, ReleaseRow, VariantRow
from envdoctor.knowledge.table import Row, read_table
from envdoctor.knowledge.variables import VariableRow
from envdoctor.knowledge.xids import XidRow

TABLES: dict[str, tuple[type[Row], tuple[str, ...]]] = {
    "achieved": (Achieved, ("gpu", "kernel", "dtype")),
    "architectures": (ArchitectureRow, ("compute_capabilities",)),
    "cuda_codes": (CodeRow, ("code",)),
    "cuda_toolkits": (ToolkitRow, ("cuda",)),
    "driver_branches": (BranchRow, ("branch",)),
    "floors": (Floor, ("basis", "kernel")),
    "gpus": (GpuRow, ("name",)),
    "libraries": (LibraryRow, ("family",)),
    "messages": (MessageRow, ("key",)),
    "minimum_drivers": (MinimumRow, ("cuda_major",)),
    "nvml_codes": (CodeRow, ("code",)),
    "pci_names": (PciName, ("device",)),
    "pci_ranges": (PciRange, ("first",)),
    "torch_companions": (CompanionRow, ("package", "version")),
    "torch_pins": (PinRow, ("version", "machine")),
    "torch_releases": (ReleaseRow, ("version",)),
    "torch_variants": (VariantRow, ("minor", "variant")),
    "units": (Units, ("compute_capability",)),
    "variables": (VariableRow, ("name",)),
    "xids": (XidRow, ("code",)),
}

ORDERED_NUMBERS = ("cuda_codes", "nvml_codes", "driver_branches", "minimum_drivers", "xids", "pci_names", "pci_ranges")
ORDERED_VERSIONS = ("cuda_toolkits", "torch_releases", "torch_pins", "torch_variants")


def keys(name: str) -> list[tuple[Any, ...]]:
    kind, fields = TABLES[name]
    return [tuple(getattr(row, field) for field in fields) for row in read_table(name, kind).rows]


def test_every_file_is_a_table_of_this_list() -> None:
    assert {path.stem for path in table.DATA.iterdir()} == set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_rows_have_unique_keys_and_sources(name: str) -> None:
    kind, _ = TABLES[name]
    read = read_table(name, kind)
    assert datetime.date.fromisoformat(read.date) <= datetime.date.today()
    assert read.rows
    assert all(len(row.source) > 3 for row in read.rows)
    assert len(set(keys(name))) == len(keys(name))


@pytest.mark.parametrize("name", ORDERED_NUMBERS)
def test_numbered_tables_are_in_order(name: str) -> None:
    assert keys(name) == sorted(keys(name))


@pytest.mark.parametrize("name", ORDERED_VERSIONS)
def test_versioned_tables_are_in_order(name: str) -> None:
    versions = [Version(key[0]) for key in keys(name)]
    assert versions == sorted(versions)


@pytest.mark.parametrize("name", TABLES)
def test_one_row_stands_on_one_line(name: str) -> None:
    lines = (table.DATA / f"{name}.json").read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(keys(name)) + 2
    assert all(isinstance(json.loads(line.rstrip(",")), dict) for line in lines[1:-1])


def test_writing_a_table_and_reading_it_gives_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    kind, _ = TABLES["cuda_toolkits"]
    read = read_table("cuda_toolkits", kind)
    before = (table.DATA / "cuda_toolkits.json").read_text(encoding="utf-8")
    monkeypatch.setattr(table, "DATA", tmp_path)
    table.write_table("cuda_toolkits", read)
    assert (tmp_path / "cuda_toolkits.json").read_text(encoding="utf-8") == before


def named_causes() -> set[tuple[str, str]]:
    """Every (table, id) that a row points at."""
    named: set[tuple[str, str]] = set()
    for name, (kind, _) in TABLES.items():
        for row in read_table(name, kind).rows:
            ids = (getattr(row, "cause", None), *getattr(row, "also", ()))
            named.update((name, cause) for cause in ids if cause)
    return named


AREAS = (
    "hardware vm wsl driver container gpu python torch cuda cudnn nccl env host compute framework code".split()  # noqa: SIM905
)


def test_causes_are_ids_of_known_areas() -> None:
    from envdoctor.diagnose.api import ID_PATTERN

    for name, cause in named_causes():
        assert ID_PATTERN.fullmatch(cause), (name, cause)
        assert cause.partition(".")[0] in AREAS, (name, cause)


WITHOUT_CHECKS = {"gpu", "compute", "framework", "code"}
"""Areas of the catalogue that no check covers yet; messages and codes point at them all the same."""


def test_causes_are_ids_of_installed_checks() -> None:
    from envdoctor.diagnose.plugins import load_checks

    installed = set(load_checks().by_id())
    covered = {cause for _, cause in named_causes() if cause.partition(".")[0] not in WITHOUT_CHECKS}
    missing = sorted(covered - installed)
    if missing:
        pytest.skip(f"no check of that id yet: {', '.join(missing)}")
    assert covered <= installed
