from __future__ import annotations

from pathlib import Path

import pytest

from envdoctor.collect.device_nodes import device_nodes
from envdoctor.collect.host import LiveHost
from recorded import RecordedHost


def test_the_two_that_cuda_needs_are_listed_even_if_absent(tmp_path: Path) -> None:
    found = device_nodes(RecordedHost(tmp_path, {"/dev/null": ""}))
    assert {node.path: node.exists for node in found.nodes} == {"/dev/nvidiactl": False, "/dev/nvidia-uvm": False}
    assert found.gpu_nodes == ()


def test_gpus_and_capabilities_are_told_apart(tmp_path: Path) -> None:
    names = ("nvidia0", "nvidia11", "nvidiactl", "nvidia-uvm", "nvidia-modeset", "nvidia-caps/nvidia-cap1")
    found = device_nodes(RecordedHost(tmp_path, {f"/dev/{name}": "" for name in names}))
    assert [node.path for node in found.gpu_nodes] == ["/dev/nvidia0", "/dev/nvidia11"]
    assert found.node("/dev/nvidia-caps/nvidia-cap1") is not None
    uvm = found.node("/dev/nvidia-uvm")
    assert uvm is not None
    assert (uvm.exists, uvm.openable) == (True, None)  # nobody could try: these are files of another machine


def test_a_node_that_may_not_be_looked_at_is_unknown(tmp_path: Path) -> None:
    host = RecordedHost(tmp_path, {"/dev/null": ""}, denied=("/dev/nvidiactl",))
    node = device_nodes(host).node("/dev/nvidiactl")
    assert node is not None
    assert node.exists is None


def test_no_dev_at_all_is_no_fact(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        device_nodes(RecordedHost(tmp_path))


def test_this_machine_can_be_looked_at() -> None:
    assert {"/dev/nvidiactl", "/dev/nvidia-uvm"} <= {node.path for node in device_nodes(LiveHost()).nodes}
