"""Every kernel, on the processor: its numbers are right, and a wrong one is seen."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from envdoctor.inside import kernels_libraries, kernels_math, kernels_memory, kernels_thorough
from envdoctor.inside.lab import Lab, NotHere, quantile
from envdoctor.inside.resnet import build
from envdoctor.inside.resnet_step import Momentum, stepper, train

torch = pytest.importorskip("torch")


class Short(Lab):
    """A lab that measures each kernel only a few times."""

    def measure(self, work: Any, seconds: float = 0.0) -> Any:
        return super().measure(work, 0.0)  # type: ignore[no-untyped-call]

    def buffer_bytes(self) -> int:
        return 1 << 20


@pytest.fixture
def lab() -> Lab:
    return Short(torch, "cpu")  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    "kernel",
    [
        *(kernels_memory.copy, kernels_memory.triad, kernels_math.reduction, kernels_math.elementwise),
        *(kernels_libraries.convolution, kernels_libraries.attention, kernels_libraries.fft, kernels_libraries.sort),
        *(kernels_libraries.solve, kernels_libraries.random_numbers),
    ],
    ids=lambda kernel: kernel.__name__,
)
def test_a_kernel_is_right_and_has_a_rate(lab: Lab, kernel: Any) -> None:
    [result] = kernel(lab)
    assert result["right"] is True, result
    assert result["value"] > 0
    assert result["unit"].endswith("/s")


@pytest.mark.filterwarnings("ignore:Sparse")
def test_a_sparse_product_is_right(lab: Lab) -> None:
    [result] = kernels_libraries.sparse_matmul(lab)
    assert result["right"] is True, result


@pytest.mark.parametrize("name", ["fp32", "bf16"])
def test_a_product_is_right_in_every_type(lab: Lab, name: str) -> None:
    [result] = kernels_math.matmul(lab, name)
    assert result["right"] is True, result
    assert result["dtype"] == name


def test_a_product_leaves_the_precision_as_it_was(lab: Lab) -> None:
    before = torch.get_float32_matmul_precision()
    kernels_math.matmul(lab, "fp32")
    assert torch.get_float32_matmul_precision() == before


def test_a_wrong_number_is_seen(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "exp", lambda values, out: out.copy_(values))
    [result] = kernels_math.elementwise(lab)
    assert result["right"] is False
    assert result["error"] > 0.1


def test_an_output_that_was_never_written_is_seen(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "exp", lambda values, out: out)
    [result] = kernels_math.elementwise(lab)
    assert (result["right"], result["error"]) == (False, None)


def test_an_order_that_is_none_is_seen(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = torch.sort

    class Unsorted:
        def __init__(self, values: Any) -> None:
            self.values = whole(values).values.flip(0) if len(values) > 1000 else whole(values).values

    monkeypatch.setattr(torch, "sort", Unsorted)
    [result] = kernels_libraries.sort(lab)
    assert result["right"] is False


def test_memory_reads_back(lab: Lab) -> None:
    lab.free_bytes = lambda: 64 << 20  # type: ignore[method-assign]
    [result] = kernels_thorough.memory(lab)
    assert (result["bad"], result["right"]) == (0, True)


def test_a_load_has_a_rate_at_its_end(lab: Lab) -> None:
    [result] = kernels_thorough.load(lab, 0.05)
    assert result["right"] is True
    assert result["value"] > 0


def test_what_needs_a_gpu_says_so(lab: Lab) -> None:
    with pytest.raises(NotHere):
        kernels_memory.transfers(lab)


def test_no_type_without_units_of_its_own() -> None:
    """bf16 below 8.0 is emulated, and fp8 is not there below 8.9."""
    lab = Lab(torch, "cpu")
    lab.gpu = True
    for capability, names in {
        (7, 5): {"fp32", "fp16"},
        (8, 6): {"fp32", "tf32", "bf16", "fp16"},
        (9, 0): {"fp32", "tf32", "bf16", "fp16", "fp8"},
    }.items():
        lab.capability = capability
        assert {name for name, _ in lab.matmul_types()} == names
    lab.capability = (7, 0)
    assert lab.half()[0] == "fp16"
    lab.capability = (6, 1)
    assert lab.half() is None


def test_a_training_step_learns_and_is_measured() -> None:
    torch.manual_seed(0)
    lab = Short(torch, "cpu")  # type: ignore[no-untyped-call]
    network = build(torch, classes=10, blocks=(1, 1, 1, 1))
    images, labels = torch.randn(8, 3, 32, 32), torch.randint(0, 10, (8,))
    result = train(lab, stepper(lab, network, images, labels), steps=8, longest=60.0)
    first, last = result["losses"]
    assert last < first
    assert result["finite"] is True
    assert result["steps"] == 8
    assert 0 < result["p50"] <= result["p99"] <= result["longest"]
    assert 0 <= result["host_wait"] <= 1


def test_the_optimizer_takes_the_steps_of_torchs_own() -> None:
    start = torch.randn(5)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    mine, reference = Momentum(torch, [ours], 0.02, 0.9), torch.optim.SGD([theirs], lr=0.02, momentum=0.9)
    for _ in range(4):
        gradient = torch.randn(5)
        mine.forget_gradients()
        ours.grad, theirs.grad = gradient * 1024.0, gradient
        mine.step(1 / 1024.0)
        reference.step()
    assert torch.allclose(ours, theirs)


def test_a_step_that_is_watched_and_profiled_loads_no_compiler() -> None:
    """Loading it takes as long as importing torch, and on a GPU that was half of the time that the whole work has."""
    script = """
import sys, torch
from envdoctor.inside import lab, resnet, resnet_step, where_ops_run
here = lab.Lab(torch, "cpu")
step = resnet_step.stepper(here, resnet.build(torch, 10, (1, 1, 1, 1)), torch.randn(2, 3, 32, 32), torch.tensor([1, 2]))
step()
assert where_ops_run.watch(torch, "cpu", step)["on_device"] > 100
assert resnet_step.device_kernels(here, step) is None  # a processor has no device kernels
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])


def test_the_network_is_resnet_50() -> None:
    network = build(torch).to("meta")
    assert sum(parameter.numel() for parameter in network.parameters()) == 25_557_032


def test_a_card_that_raises_its_clocks_is_measured_once_it_has() -> None:
    lab = Lab(torch, "cpu")
    lab.gpu = True
    times = [8.0, 4.0, 2.0, 1.0, 0.99]
    lab.clock = lambda work: times.pop(0)  # type: ignore[method-assign]
    assert lab._settled(None) == 0.99
    assert times == []


def test_quantiles() -> None:
    assert quantile([1, 2, 3, 4, 5], 0.5) == 3
    assert quantile([7], 0.99) == 7
    assert math.isclose(quantile(list(range(100)), 0.99), 99)
