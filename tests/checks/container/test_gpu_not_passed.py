from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Container, DriverLibraries, Message, Messages, Nvml, System
from envdoctor_checks.container.gpu_not_passed import gpu_not_passed
from healthy import (
    BUS,
    CUDA,
    CUDA_FAILS,
    DOCKER,
    EMPTY_BUS,
    LIBRARIES,
    MODULE,
    NO_CUDA,
    NO_LIBRARIES,
    NO_MODULE,
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


def test_fires_on_a_driver_that_is_part_of_the_image() -> None:
    docker = msgspec.structs.replace(DOCKER, injected=())
    [finding] = judge(gpu_not_passed, docker, NO_NODES, LIBRARIES, CUDA_FAILS, BUS, MODULE, Nvml(init_code=9)).findings
    assert finding.title == "Docker container has no /dev/nvidia*; the host has 1 on its bus"
    for other in (
        (msgspec.structs.replace(docker, injected=("/usr/lib/libcuda.so.1",)), MODULE, Nvml(init_code=9)),
        (docker, NO_MODULE, Nvml(init_code=9)),
        (docker, MODULE, Nvml(init_code=999)),
    ):
        assert judge(gpu_not_passed, NO_NODES, LIBRARIES, CUDA_FAILS, BUS, *other).findings == ()


def test_fires_in_apptainer_without_nv_though_the_nodes_are_there() -> None:
    apptainer = Container(inside=True, engine="apptainer")
    [finding] = judge(gpu_not_passed, apptainer, NODES, NO_LIBRARIES, NO_CUDA, BUS).findings
    assert finding.title == "Apptainer container has no libcuda; the host has 1 on its bus"
    assert finding.fix[0].command == "apptainer exec --nv IMAGE COMMAND"


def test_fires_on_a_jetson_whose_container_lacks_the_libraries() -> None:
    [finding] = judge(gpu_not_passed, DOCKER, NO_NODES, NO_LIBRARIES, NO_CUDA, EMPTY_BUS, System(jetson=True)).findings
    assert finding.title == "Docker container on a Jetson has no libcuda"
    assert finding.fix[0].command == "docker run --runtime nvidia IMAGE"


def test_says_who_asked_for_no_gpu() -> None:
    void = msgspec.structs.replace(DOCKER, visible_devices="void")
    [finding] = judge(gpu_not_passed, void, NO_NODES, NO_LIBRARIES, NO_CUDA, BUS).findings
    assert finding.title == "Docker container has no /dev/nvidia* and no libcuda (NVIDIA_VISIBLE_DEVICES=void)"


def test_whatever_a_program_says_that_a_missing_gpu_explains() -> None:
    asked_for_none = Container(engine="docker", gpus_requested=False)
    said = Messages(messages=(Message(key="cuda-no-device", text="no CUDA-capable device is detected"),))
    [finding] = judge(gpu_not_passed, asked_for_none, said).findings
    assert finding.title == "The docker command asks for no GPU; no CUDA-capable device is detected"
    other = Messages(messages=(Message(key="nccl-system-error", text="unhandled system error"),))
    assert judge(gpu_not_passed, asked_for_none, other).findings == ()
    assert judge(gpu_not_passed, Container(engine="docker", gpus_requested=True), said).findings == ()
