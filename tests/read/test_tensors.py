"""Tensors that print other numbers on a GPU."""

from __future__ import annotations

import pytest

from envdoctor.facts import Work
from envdoctor.read.text import read_text


def wrong(text: str) -> str | None:
    """What was wrong, and where; None: nothing."""
    work = read_text(text, "2026-01-01T00:00:00Z").get(Work)
    if work is None:
        return None
    [device] = work.devices
    assert device.rates[0].right is False
    return f"{device.rates[0].name} {device.device}"


def test_a_copy_that_differs() -> None:
    text = ">>> x\ntensor([1., 2.], device='cuda:0')\n>>> x.to(1)\ntensor([0., 0.], device='cuda:1')\n"
    assert wrong(text) == "copy to another GPU cuda:1"
    assert wrong(text.replace("0., 0.", "1., 2.")) is None


RESULTS = "product on the cpu:\ntensor([[1., 2.],\n        [3., 4.]])\non the gpu:\ntensor([[{}, {}],\n        [{}, {}]], device='cuda:0')\n"


@pytest.mark.parametrize(
    "values", [(0.0, 0.0, 0.0, 0.0), ("nan", 2.0, 3.0, 4.0), (1.4e-45, 0.0, 0.0, 0.0), (1e37, 2, 3, 4)]
)
def test_a_result_that_nobody_computed(values: tuple[object, ...]) -> None:
    assert wrong(RESULTS.format(*values)) == "result on the GPU cuda:0"


def test_right_results_and_zeros_that_are_meant_are_left_alone() -> None:
    assert wrong(RESULTS.format(1.0, 2.0, 3.0, 4.0)) is None
    assert wrong(RESULTS.format(1.1, 2.0, 3.0, 4.0)) is None, "rounding, or another seed"
    assert wrong("x.grad of the\n" + RESULTS.format(0.0, 0.0, 0.0, 0.0)) is None
    flat = RESULTS.replace("[[1., 2.],\n        [3., 4.]]", "[1., 2., 3., 4.]")
    assert wrong(flat.format(0.0, 0.0, 0.0, 0.0)) is None, "another shape"
    assert wrong("tensor([0, 0], device='cuda:0')\n[1, 2, 3]\ncpu") is None


def test_one_gpu_against_another() -> None:
    text = "tensor([1, 2])\ntensor([1, 2], device='cuda:0')\ntensor([0, 0], device='cuda:1')\n"
    assert wrong(text) == "result on the GPU cuda:1"


def test_brackets_without_end_are_read_in_no_time() -> None:
    assert wrong("device='cuda:0' cpu " + "[1, " * 20000) is None
