from __future__ import annotations

import pytest

from envdoctor.report.stack import Row
from envdoctor.report.table import fold, stack_lines

ROWS = (
    Row("GPU", "", "2 × NVIDIA H100 80GB HBM3", "compute capability 9.0"),
    Row("kernel module", "", "not loaded", ""),
    Row("CUDA of the driver", "12.4", "13.2", "cuInit returns 802 CUDA_ERROR_SYSTEM_NOT_READY"),
    Row("torch", "CUDA 12.4", "2.5.1", "/home/ada/miniconda3/envs/jobs/lib/python3.11/site-packages"),
)


def lines(width: int) -> list[str]:
    return [line.plain for line in stack_lines(ROWS, width)]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120])
def test_nothing_is_wider_than_asked_and_nothing_is_lost(width: int) -> None:
    assert max(map(len, lines(width))) <= width
    whole = "".join("".join(lines(width)).split())
    for row in ROWS:
        for cell in row:
            assert "".join(cell.split()) in whole or width < 60


def test_a_path_that_does_not_fit_goes_below() -> None:
    assert [line.strip() for line in lines(80)[-3:]] == [
        "torch               CUDA 12.4  2.5.1",
        "/home/ada/miniconda3/envs/jobs/lib/python3.11/",
        "site-packages",
    ]


def test_what_only_misses_its_column_stays_on_the_line() -> None:
    assert "13.2  cuInit returns 802" in lines(85)[3]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", [""]),
        ("none on the path", ["none on", "the path"]),
        ("/opt/venv/lib", ["/opt/", "venv/lib"]),
        ("/opt/", ["/opt/"]),
        ("a/bcdefghijkl", ["a/", "bcdefghi", "jkl"]),
    ],
)
def test_fold_breaks_at_blanks_and_slashes(text: str, pieces: list[str]) -> None:
    assert list(fold(text, 8)) == pieces
