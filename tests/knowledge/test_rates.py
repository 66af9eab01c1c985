from __future__ import annotations

import pytest

from envdoctor.knowledge.gpus import gpu_by_name, gpus
from envdoctor.knowledge.rates import Achieved, by_link, by_model, by_units
from envdoctor.knowledge.table import rows


def test_what_was_measured_comes_before_the_data_sheet() -> None:
    h200 = by_model("NVIDIA H200", "matmul", "bf16")
    assert h200 is not None
    assert (h200.value, h200.basis) == (790.29, "measured")
    assert h200.floor == pytest.approx(592.7, abs=0.1)
    copy = by_model("NVIDIA H200", "copy", None)
    assert copy is not None
    assert copy.value == 4300.0


def test_the_data_sheet_where_nothing_was_measured() -> None:
    found = by_model("NVIDIA A10", "matmul", "bf16")
    assert found is not None
    assert (found.value, found.basis) == (125.0, "data sheet")


def test_no_expectation_of_a_type_without_units_or_of_an_unknown_model() -> None:
    assert by_model("NVIDIA A10", "matmul", "fp8") is None
    assert by_model("NVIDIA H999", "matmul", "bf16") is None


def test_an_unknown_model_by_its_units() -> None:
    found = by_units("matmul", "bf16", compute_capability="9.0", multiprocessors=132, sm_mhz=1830.0)
    assert found is not None
    assert found.value == pytest.approx(989.4, abs=0.1)  # the data sheet's number for this chip
    memory = by_units(
        "copy", None, compute_capability=None, multiprocessors=None, sm_mhz=None, bus_width=384, memory_mhz=10501
    )
    assert memory is not None
    assert memory.value == pytest.approx(1008, abs=1)  # RTX 4090
    assert by_units("matmul", "bf16", compute_capability="9.0", multiprocessors=None, sm_mhz=1830.0) is None
    assert by_units("copy", None, compute_capability="9.0", multiprocessors=132, sm_mhz=1830.0) is None


@pytest.mark.parametrize(("generation", "seen"), [(3, 12.4), (4, 25.9), (5, 55.4)])
def test_a_link_gives_what_published_copies_reach(generation: int, seen: float) -> None:
    found = by_link(generation, 16)
    assert found is not None
    assert found.value == pytest.approx(seen, rel=0.1)
    assert found.floor < seen


def test_an_unknown_link_is_not_judged() -> None:
    assert by_link(None, 16) is None
    assert by_link(4, 0) is None


def test_every_measured_rate_is_of_a_known_gpu_and_no_miracle() -> None:
    for row in rows("achieved", Achieved):
        gpu = gpu_by_name(row.gpu) or next((gpu for gpu in gpus() if gpu.name == row.gpu), None)
        assert gpu is not None, row.gpu
        peak = gpu.memory_gb_s if row.kernel == "copy" else gpu.peak[row.dtype or ""]
        assert 0.4 * peak < row.value < 1.1 * peak, row


def test_a_healthy_board_of_every_model_is_above_its_floor() -> None:
    for gpu in gpus():
        for dtype, value in gpu.measured.items():
            found = by_model(gpu.name, "matmul", dtype)
            assert found is None or value > found.floor, (gpu.name, dtype)
