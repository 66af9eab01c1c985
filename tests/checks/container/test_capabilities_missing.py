from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Container, CudaDriver, DriverLibraries, Message, Messages
from envdoctor_checks.container.capabilities_missing import capabilities_missing
from healthy import CUDA, DOCKER, LIBRARIES, NO_CUDA, NO_NODES, NO_NVML, NODES, NVML, OUTSIDE, library

UTILITY = msgspec.structs.replace(DOCKER, driver_capabilities="utility")


def test_fires_without_compute() -> None:
    [finding] = judge(capabilities_missing, UTILITY, NODES, NO_CUDA, NVML).findings
    assert (
        finding.title == "NVIDIA_DRIVER_CAPABILITIES=utility; the GPU's nodes are in the container, libcuda.so.1 is not"
    )
    assert "compute,utility" in (finding.fix[0].command or "")


def test_fires_where_nvml_works_and_no_node_is_seen() -> None:
    [finding] = judge(capabilities_missing, UTILITY, NO_NODES, NO_CUDA, NVML).findings
    assert (
        finding.title
        == "NVIDIA_DRIVER_CAPABILITIES=utility; libnvidia-ml.so.1 is in the container, libcuda.so.1 is not"
    )


def test_fires_where_the_variable_is_not_set_at_all() -> None:
    [finding] = judge(capabilities_missing, DOCKER, NODES, NO_CUDA, NO_NVML).findings
    assert finding.title.startswith("NVIDIA_DRIVER_CAPABILITIES is not set; ")
    assert finding.confidence == "likely"


def test_only_a_note_without_utility_unless_nccl_misses_it() -> None:
    compute = msgspec.structs.replace(DOCKER, driver_capabilities="compute")
    [finding] = judge(capabilities_missing, compute, NODES, CUDA, NO_NVML).findings
    assert finding.severity == "info"
    said = Messages(messages=(Message(key="nccl-no-nvml", text="Failed to open libnvidia-ml.so.1"),))
    [finding] = judge(capabilities_missing, compute, NODES, CUDA, NO_NVML, said).findings
    assert finding.severity == "warning"


def test_silent_with_both_outside_and_without_the_gpu() -> None:
    both = msgspec.structs.replace(DOCKER, driver_capabilities="compute,utility")
    assert judge(capabilities_missing, both, NODES, LIBRARIES, CUDA, NVML).findings == ()
    assert judge(capabilities_missing, OUTSIDE, NODES, NO_CUDA).findings == ()
    assert judge(capabilities_missing, UTILITY, NO_NODES, NO_CUDA).findings == ()


def test_silent_where_the_libraries_are_unknown() -> None:
    assert judge(capabilities_missing, UTILITY, NODES).findings == ()


def test_fires_where_the_image_brings_only_the_toolkits_stub() -> None:
    stub = DriverLibraries(copies=(library(folder="/usr/local/cuda/lib64/stubs", kind="stub"),))
    loaded = CudaDriver(library="/usr/local/cuda/lib64/stubs/libcuda.so.1", init_code=34)
    [finding] = judge(capabilities_missing, UTILITY, NODES, stub, loaded, NVML).findings
    assert finding.title.endswith("libcuda.so.1 is not")


def test_silent_in_apptainer_which_has_no_such_variable() -> None:
    apptainer = Container(inside=True, engine="apptainer", driver_capabilities="")
    assert judge(capabilities_missing, apptainer, NODES, NO_CUDA, NO_NVML).findings == ()
