"""Drivers, CUDA and architectures: facts known from NVIDIA's release notes."""

from __future__ import annotations

from itertools import pairwise

import pytest

from envdoctor.knowledge import drivers


@pytest.mark.parametrize(
    ("version", "cuda"),
    [
        ("470.82.01", (11, 4)),
        ("525.60.13", (12, 0)),
        ("535.54.03", (12, 2)),
        ("550.54.15", (12, 4)),
        ("565.57.01", (12, 7)),
        ("580.65.06", (13, 0)),
        ("537.42", (12, 2)),  # Windows numbers of branch 535, as WSL shows them
        ("900.1", None),
        ("12.4", None),
        ("not a version", None),
    ],
)
def test_cuda_of_driver(version: str, cuda: tuple[int, int] | None) -> None:
    assert drivers.cuda_of_driver(version) == cuda


def test_minimum_under_minor_version_compatibility() -> None:
    assert drivers.minimum_driver(11) == "450.80.02"
    assert drivers.minimum_driver(12) == "525.60.13"
    assert drivers.minimum_driver(13) == "580.65.06"
    assert drivers.minimum_driver(10) is None


def test_driver_that_a_toolkit_ships_with() -> None:
    assert drivers.driver_for_cuda(12, 4) == "550.54.14"
    assert drivers.driver_for_cuda(11, 8) == "520.61.05"
    assert drivers.driver_for_cuda(12, 7) is None  # there is no such toolkit
    assert drivers.lowest_driver_for(12, 4) == "525.60.13"
    assert drivers.lowest_driver_for(10, 2) == "440.33"


@pytest.mark.parametrize(
    ("driver", "built", "runs"),
    [
        ((12, 0), (12, 8), True),
        ((13, 0), (12, 8), True),
        ((12, 8), (13, 0), False),
        ((11, 4), (12, 4), False),
        ((10, 1), (10, 2), False),
        ((10, 2), (10, 2), True),
        ((11, 0), (10, 2), True),
    ],
)
def test_runs_cuda(driver: tuple[int, int], built: tuple[int, int], runs: bool) -> None:
    assert drivers.runs_cuda(driver, built) is runs


@pytest.mark.parametrize(
    ("version", "cc", "drives"),
    [
        ("470.256.02", "3.5", True),  # the last branch with Kepler
        ("495.29.05", "3.5", False),
        ("580.95.05", "6.1", True),  # the last with Pascal
        ("590.48.01", "6.1", False),
        ("565.57.01", "12.0", False),  # before Blackwell
        ("570.26", "12.0", True),
        ("515.43.04", "8.9", False),
        ("580.95.05", "8.7", None),  # Jetsons have drivers of their own
        ("900.1", "8.9", None),
        ("580.95.05", "42.0", None),
    ],
)
def test_drives(version: str, cc: str, drives: bool | None) -> None:
    assert drivers.drives(version, cc) is drives


@pytest.mark.parametrize(("cc", "open_module"), [("7.0", "cannot"), ("7.5", "can"), ("9.0", "can"), ("12.0", "must")])
def test_open_module(cc: str, open_module: str) -> None:
    row = drivers.architecture(cc)
    assert row is not None
    assert row.open_module == open_module


def test_open_modules_came_with_515_and_are_the_default_since_560() -> None:
    known = {row.branch: (row.has_open_module, row.open_module_is_default) for row in drivers.branches()}
    assert (known[510], known[515], known[555], known[560]) == (
        (False, False),
        (True, False),
        (True, False),
        (True, True),
    )


def test_newer_branches_never_run_a_lower_cuda() -> None:
    for older, newer in pairwise(drivers.branches()):
        assert drivers.version_key(older.cuda_max) <= drivers.version_key(newer.cuda_max)


def test_a_toolkit_ships_with_a_driver_of_a_branch_that_runs_it() -> None:
    for row in drivers.toolkits():
        if row.linux_driver:
            cuda = drivers.cuda_of_driver(row.linux_driver)
            if cuda is not None:
                assert cuda >= drivers.version_key(row.cuda)[:2], row


def test_every_driver_version_parses() -> None:
    for row in drivers.toolkits():
        for version in (row.cuda, row.linux_driver, row.windows_driver):
            assert version is None or drivers.version_key(version)
