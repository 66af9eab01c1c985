"""GPU names and PCI ids."""

from __future__ import annotations

from itertools import pairwise

import pytest

from envdoctor.knowledge import gpus


@pytest.mark.parametrize(
    ("device", "name", "cc"),
    [
        ("2684", "NVIDIA GeForce RTX 4090", "8.9"),
        ("0x20B0", "NVIDIA A100-SXM4-40GB", "8.0"),
        ("2330", "NVIDIA H100 80GB HBM3", "9.0"),
        ("1eb8", "Tesla T4", "7.5"),
        ("1b06", "NVIDIA GeForce GTX 1080 Ti", "6.1"),
        ("2b85", "NVIDIA GeForce RTX 5090", "12.0"),
        ("ffff", None, None),
    ],
)
def test_pci(device: str, name: str | None, cc: str | None) -> None:
    assert gpus.gpu_name_by_pci(device) == name
    assert gpus.compute_capability_by_pci(device) == cc


@pytest.mark.parametrize(
    ("name", "cc"),
    [
        ("NVIDIA GeForce RTX 4090", "8.9"),
        ("GeForce RTX 4090", "8.9"),  # before driver 465
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", "8.0"),
        ("Tesla V100-SXM2-16GB", "7.0"),
        ("NVIDIA H200", "9.0"),
        ("NVIDIA GeForce RTX 5090 Laptop GPU", "12.0"),
        ("Radeon RX 7900", None),
    ],
)
def test_compute_capability(name: str, cc: str | None) -> None:
    assert gpus.compute_capability(name) == cc


def test_h100_row() -> None:
    row = gpus.gpu_by_name("NVIDIA H100 80GB HBM3")
    assert row is not None
    assert row.tdp_w == 700
    assert row.peak["bf16"] == pytest.approx(989, abs=1)
    assert row.measured["bf16"] < row.peak["bf16"]


def test_names_and_pci_ids_agree_on_the_compute_capability() -> None:
    for row in gpus.gpus():
        for name in row.nvml_names:
            device = gpus._device_by_name().get(gpus._plain(name))
            if device is not None:
                assert gpus.compute_capability_by_pci(device) == row.compute_capability, name


def test_ranges_do_not_overlap() -> None:
    rows = gpus.pci_ranges()
    assert all(row.first <= row.last for row in rows)
    assert all(before.last < after.first for before, after in pairwise(rows))


def test_models_of_one_name_are_told_apart_by_their_memory() -> None:
    assert gpus.gpu_by_name("Orin") is None
    small, large = gpus.gpu_by_name("Orin", 7.4), gpus.gpu_by_name("Orin", 61.4)
    assert small is not None
    assert large is not None
    assert (small.memory_gib, large.memory_gib) == (8, 64)
    assert gpus.compute_capability("Orin") == "8.7"


def test_models_of_one_name_have_one_compute_capability() -> None:
    for name, rows in gpus._by_name().items():
        assert len({row.compute_capability for row in rows}) == 1, name
