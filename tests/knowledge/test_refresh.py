"""Refreshing the tables from a package index that is made up here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from click.testing import CliRunner

from envdoctor.knowledge import refresh
from envdoctor.knowledge.package_index import Metadata
from envdoctor.knowledge.refresh import Refresh
from envdoctor.knowledge.releases import Machine, ReleaseRow
from envdoctor.knowledge.table import read_table, rows


class MadeUpIndex:
    """Releases by package, the same for every Python that is named; one wheel's metadata by package."""

    def __init__(
        self, versions: Mapping[str, Sequence[str]], pythons: Sequence[str], requires: Mapping[str, Sequence[str]]
    ):
        self._versions, self._pythons, self._requires = versions, pythons, requires
        self.asked: list[tuple[str, str]] = []

    def versions(self, package: str, python: str, machine: Machine) -> Sequence[str]:
        return self._versions.get(package, ()) if python in self._pythons else ()

    def metadata(self, package: str, version: str, python: str, machine: Machine) -> Metadata:
        self.asked.append((package, version))
        wheel = f"{package}-{version}-cp312-cp312-manylinux_2_28_{machine}.whl"
        return Metadata(wheel=wheel, requires=tuple(self._requires[package]))


NEWEST = rows("torch_releases", ReleaseRow)[-1]
TORCH_99 = ("cuda-toolkit[cublas]==14.1.0", "nvidia-cudnn-cu14==10.2.3.4", "nvidia-nccl-cu14==3.1.2", "triton~=4.0")


def index_with_torch_99() -> MadeUpIndex:
    return MadeUpIndex(
        {"torch": (NEWEST.version, "99.0.0"), "torchvision": ("99.1.0",)},
        NEWEST.pythons,
        {"torch": TORCH_99, "torchvision": ("numpy", "torch==99.0.0")},
    )


def test_nothing_new() -> None:
    index = MadeUpIndex({"torch": (NEWEST.version,)}, NEWEST.pythons, {})
    run = Refresh(index)
    run.torch()
    run.companion("torchvision")
    assert run.changes == []
    assert index.asked == []


def test_a_new_torch_gets_a_release_pins_for_each_machine_and_a_variant() -> None:
    run = Refresh(index_with_torch_99(), today="2030-01-02")
    run.torch()
    row = run.releases[-1]
    assert (row.version, row.variant, row.cuda, row.cuda_aarch64) == ("99.0.0", "cu141", "14.1", "14.1")
    assert (row.date, row.pythons, row.glibc) == ("2030-01-02", NEWEST.pythons, "2.28")
    assert [(pin.version, pin.machine) for pin in run.pins[-2:]] == [("99.0.0", "x86_64"), ("99.0.0", "aarch64")]
    variant = run.variants[-1]
    assert (variant.minor, variant.default, variant.arch_list) == ("99.0", True, ())
    assert (variant.cudnn, variant.nccl) == ("10.2.3.4", "3.1.2")
    assert any("arch list of cu141" in change for change in run.changes)


def test_a_release_without_cuda_is_left_out_and_said() -> None:
    index = MadeUpIndex({"torch": ("99.0.0",)}, NEWEST.pythons, {"torch": ("filelock",)})
    run = Refresh(index)
    run.torch()
    assert run.releases[-1] == NEWEST
    assert run.changes == ["torch 99.0.0: its x86_64 wheel names no CUDA; left out"]


def test_a_known_release_can_gain_a_python() -> None:
    newest_minor = int(NEWEST.pythons[-1].partition(".")[2])
    index = MadeUpIndex({"torch": (NEWEST.version,)}, [f"3.{newest_minor + 1}"], {})
    run = Refresh(index)
    run.torch()
    assert run.releases[-1].pythons == (*NEWEST.pythons, f"3.{newest_minor + 1}")
    assert run.changes == [f"torch {NEWEST.version}: wheels for more Pythons"]


def test_a_new_companion_follows_its_elder() -> None:
    run = Refresh(index_with_torch_99())
    run.companion("torchvision")
    visions = [row for row in run.companions if row.package == "torchvision"]
    assert (visions[-1].version, visions[-1].torch) == ("99.1.0", "==99.0.0")
    packages = [row.package for row in run.companions]
    assert packages.index("torchvision") + len(visions) == len(packages) - packages[::-1].index("torchvision")


def test_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    written: dict[str, int] = {}
    monkeypatch.setattr(refresh, "PipIndex", index_with_torch_99)
    monkeypatch.setattr(refresh, "write_table", lambda name, table: written.update({name: len(table.rows)}))
    checked = CliRunner().invoke(refresh.main, ["--check"])
    assert (checked.exit_code, written) == (1, {})
    assert "torchvision 99.1.0: torch ==99.0.0" in checked.output
    wrote = CliRunner().invoke(refresh.main, [])
    assert wrote.exit_code == 0
    assert written["torch_releases"] == len(read_table("torch_releases", ReleaseRow).rows) + 1


def test_an_index_that_cannot_be_asked_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unreachable(MadeUpIndex):
        def versions(self, package: str, python: str, machine: Machine) -> Sequence[str]:
            raise LookupError("no such index")

    monkeypatch.setattr(refresh, "PipIndex", lambda: Unreachable({}, (), {}))
    result = CliRunner().invoke(refresh.main, ["--check"])
    assert result.exit_code == 1
    assert "Error: no such index" in result.output
