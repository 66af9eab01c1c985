from __future__ import annotations

import pytest

from envdoctor.diagnose.cards import cpus, in_a_laptop, usual
from envdoctor.diagnose.verdict import WEIGHT
from envdoctor.facts import NvmlGpu, System
from envdoctor.facts.nvml import Nvml, pci_place


@pytest.mark.parametrize(
    ("name", "portable"),
    [
        ("NVIDIA GeForce RTX 4060 Laptop GPU", True),
        ("NVIDIA GeForce RTX 2070 with Max-Q Design", True),
        ("NVIDIA GeForce MX450", True),
        ("GeForce GTX 960M", True),
        ("NVIDIA GeForce RTX 4090", False),
        ("NVIDIA A100-SXM4-80GB", False),
        ("Tesla M40 24GB", False),
        ("Quadro M4000", False),
    ],
)
def test_cards_for_laptops_by_their_names(name: str, portable: bool) -> None:
    assert in_a_laptop(NvmlGpu(index=0, name=name), None) is portable


def test_the_housing_tells_where_the_name_does_not() -> None:
    assert in_a_laptop(NvmlGpu(index=0), System(chassis=10))
    assert not in_a_laptop(NvmlGpu(index=0), System(chassis=3))
    assert not in_a_laptop(NvmlGpu(index=0), System())


def test_lists_of_processors() -> None:
    assert cpus("0-2,8") == {0, 1, 2, 8}
    assert cpus("") == frozenset()
    with pytest.raises(ValueError, match="invalid literal"):
        cpus("all")


def test_what_most_have_in_common_takes_three() -> None:
    assert usual(["a", "a", "b"]) == "a"
    assert usual(["a", "b", "c"]) is None
    assert usual(["a", "a"]) is None
    assert usual([]) is None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("00000000:B1:00.0", "0000:b1:00"),
        ("0000:b1:00.0", "0000:b1:00"),
        ("0000:b1:00", "0000:b1:00"),
        ("b1:00.0", "0000:b1:00"),
        ("00010000:01:00.0", "10000:01:00"),
        ("none", None),
        (None, None),
    ],
)
def test_addresses_are_compared_however_they_are_written(text: str | None, place: str | None) -> None:
    assert pci_place(text) == place


def test_a_gpu_by_its_address() -> None:
    found = Nvml(gpus=(NvmlGpu(index=0, pci_bus_id="00000000:3B:00.0"), NvmlGpu(index=1)))
    assert found.gpu_at("0000:3b:00") == found.gpus[0]
    assert found.gpu_at("0000:b1:00") is None
    assert found.gpu_at(None) is None


def test_each_weighed_id_has_a_check() -> None:
    from envdoctor.diagnose.plugins import load_checks

    assert set(WEIGHT) <= {check.id for check in load_checks().checks}
