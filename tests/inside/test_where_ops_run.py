"""Operators that leave the device are seen: live, with the meta device as the one that is to be used."""

from __future__ import annotations

from typing import Any

import pytest

from envdoctor.inside.resnet import build
from envdoctor.inside.where_ops_run import watch

torch = pytest.importorskip("torch")


def step(network: Any, device: str) -> None:
    images = torch.randn(2, 3, 32, 32, device=device)
    network(images).sum().backward()


def test_a_whole_step_on_the_device_is_seen_there() -> None:
    network = build(torch, classes=10, blocks=(1, 1, 1, 1)).to("meta")
    seen = watch(torch, "meta", lambda: step(network, "meta"))
    assert seen["on_device"] > 100
    assert (seen["elsewhere"], seen["to_host"], seen["first_elsewhere"]) == (0, 0, None)


class OnTheHost(torch.nn.Module):  # type: ignore[misc,name-defined]
    """A layer that was left on the processor: what it is given it takes there and back."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Any) -> Any:
        return self.layer(torch.ones(x.shape)).to(x.device)


def test_one_layer_on_the_processor_is_named() -> None:
    network = build(torch, classes=10, blocks=(1, 1, 1, 1)).to("meta")
    network[-1] = OnTheHost(torch.nn.Linear(2048, 10))
    seen = watch(torch, "meta", lambda: network(torch.randn(2, 3, 32, 32, device="meta")))
    assert seen["elsewhere"] >= 1
    assert seen["first_elsewhere"].startswith("aten.")
    assert seen["from_host"] >= 1


def test_single_numbers_on_the_processor_are_as_torch_means_them() -> None:
    rate = torch.tensor(0.5)
    seen = watch(torch, "meta", lambda: torch.randn(4, 4, device="meta") * rate)
    assert seen["elsewhere"] == 0


def test_copies_to_the_host_are_counted() -> None:
    """The other way round: the processor is the device, and meta is elsewhere."""
    values = torch.randn(4, 4)
    seen = watch(torch, "cpu", lambda: values.to("meta"))
    assert (seen["to_host"], seen["first_to_host"]) == (1, "aten._to_copy.default")


def test_what_the_work_raises_comes_through() -> None:
    with pytest.raises(RuntimeError):
        watch(torch, "cpu", lambda: torch.ones(2, 3) @ torch.ones(2, 3))
