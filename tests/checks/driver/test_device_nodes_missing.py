from __future__ import annotations

import msgspec
import pytest

from envdoctor.diagnose.testing import judge
from envdoctor.facts import CudaDriver
from envdoctor_checks.driver.device_nodes_missing import device_nodes_missing
from healthy import CUDA, CUDA_FAILS, DOCKER, MODULE, NO_MODULE, NO_NODES, NODES, NVML, OUTSIDE, nodes

NO_UVM = nodes("nvidiactl", "nvidia0")
UNKNOWN_ERROR = CudaDriver(init_code=999)


def test_fires_without_uvm() -> None:
    [finding] = judge(device_nodes_missing, NO_UVM, MODULE, NVML, UNKNOWN_ERROR, OUTSIDE).findings
    assert finding.title == "/dev/nvidia-uvm missing; NVML works (1 GPU) and cuInit returns 999"
    assert finding.fix[0].command == "sudo nvidia-modprobe -u -c=0"


def test_fires_without_any_node() -> None:
    [finding] = judge(device_nodes_missing, NO_NODES, MODULE, CUDA_FAILS, OUTSIDE).findings
    assert finding.title.startswith("/dev/nvidia-uvm, /dev/nvidiactl missing; kernel module 595.45.04 is loaded")


def test_in_a_container_the_node_is_passed_in() -> None:
    [finding] = judge(device_nodes_missing, NO_UVM, MODULE, DOCKER).findings
    assert finding.fix[0].command == "docker run --gpus all --device /dev/nvidia-uvm IMAGE"


def test_silent_with_all_nodes_and_where_cuda_works() -> None:
    assert judge(device_nodes_missing, NODES, MODULE, NVML, CUDA_FAILS).findings == ()
    assert judge(device_nodes_missing, NO_UVM, MODULE, CUDA).findings == ()


def test_silent_without_a_module_and_in_a_container_without_any() -> None:
    assert judge(device_nodes_missing, NO_NODES, NO_MODULE).findings == ()
    assert judge(device_nodes_missing, NO_NODES, MODULE, DOCKER).findings == ()


def test_silent_where_nvml_works_and_no_node_is_seen() -> None:
    """Not we who see all nodes (gVisor): unless CUDA ends as it does where it cannot open one."""
    other = msgspec.structs.replace(CUDA_FAILS, init_code=802)
    assert judge(device_nodes_missing, NO_NODES, NVML, other, OUTSIDE).findings == ()
    hidden = msgspec.structs.replace(CUDA_FAILS, unmasked_init_code=0)
    assert judge(device_nodes_missing, NO_NODES, NVML, hidden, OUTSIDE).findings == ()


@pytest.mark.parametrize("code", [100, 304, 999])
def test_fires_without_any_node_where_nvml_works_and_cuda_cannot_open_one(code: int) -> None:
    fails = msgspec.structs.replace(CUDA_FAILS, init_code=code)
    [finding] = judge(device_nodes_missing, NO_NODES, NVML, fails, OUTSIDE).findings
    assert finding.title.endswith(f"NVML works (1 GPU) and cuInit returns {code}")
    assert finding.confidence == "likely"


def test_skipped_where_dev_cannot_be_read() -> None:
    assert judge(device_nodes_missing, MODULE).result.status == "skipped"


@pytest.mark.parametrize("code", [2, 34, 46, 802, 803, 804])
def test_silent_where_cuda_came_past_the_nodes(code: int) -> None:
    assert judge(device_nodes_missing, NO_UVM, MODULE, NVML, CudaDriver(init_code=code), OUTSIDE).findings == ()
