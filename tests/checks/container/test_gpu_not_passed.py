from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Container, DriverLibraries
from envdoctor_checks.container.gpu_not_passed import gpu_not_passed
from healthy import (
    BUS,
    CUDA,
    CUDA_FAILS,
    DOCKER,
    EMPTY_BUS,
    LIBRARIES,
    NO_CUDA,
    NO_LIBRARIES,
    NO_NODES,
    NODES,
    OUTSIDE,
    library,
)


def test_fires_in_a_container_with_nothing_in_it() -> None:
    [finding] = judge(gpu_not_passed, DOCKER, NO_NODES, NO_LIBRARIES, NO_CUDA, BUS).findings
    assert finding.title == "Docker container has no /dev/nvidia* and no libcuda; the host has 1 on its bus"
    assert finding.fix[0].command == "docker run --gpus all IMAGE"


def test_fires_with_only_a_stub_in_the_image() -> None:
    stub = DriverLibraries(copies=(library(folder="/usr/local/cuda/lib64/stubs", kind="stub"),))
    assert len(judge(gpu_not_passed, DOCKER, NO_NODES, stub, CUDA_FAILS, BUS).findings) == 1


def test_the_fix_fits_the_engine() -> None:
    kubernetes = Container(inside=True, engine="kubernetes")
    [finding] = judge(gpu_not_passed, kubernetes, NO_NODES, NO_LIBRARIES, BUS).findings
    assert "nvidia.com/gpu" in finding.fix[0].text
    podman = Container(inside=True, engine="podman")
    [finding] = judge(gpu_not_passed, podman, NO_NODES, NO_LIBRARIES, BUS).findings
    assert finding.fix[0].command == "podman run --device nvidia.com/gpu=all IMAGE"


def test_is_likely_only_where_the_bus_is_unknown() -> None:
    [finding] = judge(gpu_not_passed, DOCKER, NO_NODES, NO_LIBRARIES).findings
    assert finding.confidence == "likely"


def test_silent_outside_with_nodes_without_a_gpu_and_where_cuda_works() -> None:
    assert judge(gpu_not_passed, OUTSIDE, NO_NODES, NO_LIBRARIES, BUS).findings == ()
    assert judge(gpu_not_passed, DOCKER, NODES, NO_LIBRARIES, BUS).findings == ()
    assert judge(gpu_not_passed, DOCKER, NO_NODES, NO_LIBRARIES, EMPTY_BUS).findings == ()
    assert judge(gpu_not_passed, DOCKER, NO_NODES, LIBRARIES, CUDA, BUS).findings == ()


def test_skipped_where_nobody_knows() -> None:
    assert judge(gpu_not_passed, Container(), NO_NODES).result.status == "skipped"
    assert judge(gpu_not_passed, DOCKER).result.status == "skipped"
