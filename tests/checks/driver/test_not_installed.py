from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import CudaDriver, DriverLibraries, Environment, KernelModule, System
from envdoctor_checks.driver.not_installed import not_installed
from healthy import (
    BUS_UNBOUND,
    CUDA,
    DOCKER,
    EMPTY_BUS,
    LIBRARIES,
    MODULE,
    NO_CUDA,
    NO_LIBRARIES,
    NO_MODULE,
    NO_NVML,
    NVML,
    OUTSIDE,
    UBUNTU,
    library,
)


def test_fires_with_a_gpu_and_no_driver() -> None:
    [finding] = judge(not_installed, NO_MODULE, NO_LIBRARIES, BUS_UNBOUND, NO_CUDA, NO_NVML, OUTSIDE, UBUNTU).findings
    assert finding.title == "GeForce RTX 4090 is on the PCI bus; no libcuda.so.1 and no nvidia kernel module"
    assert finding.fix[0].command == "sudo ubuntu-drivers install"


def test_fires_where_only_the_library_for_cuda_is_missing() -> None:
    [finding] = judge(not_installed, NO_MODULE, NO_CUDA, NVML, OUTSIDE).findings
    assert finding.title == "No libcuda.so.1 on the loader's path; NVML answers (driver 595.45.04)"
    [finding] = judge(not_installed, MODULE, NO_CUDA, NO_NVML, OUTSIDE).findings
    assert finding.title == "No libcuda.so.1 on the loader's path; kernel module 595.45.04 is loaded"


def test_silent_on_a_healthy_machine() -> None:
    assert judge(not_installed, MODULE, LIBRARIES, BUS_UNBOUND, CUDA, NVML).findings == ()


def test_silent_with_libraries_in_a_container_without_a_gpu_or_with_nouveau() -> None:
    assert judge(not_installed, NO_MODULE, LIBRARIES, BUS_UNBOUND, OUTSIDE).findings == ()
    assert judge(not_installed, NO_MODULE, NO_LIBRARIES, BUS_UNBOUND, DOCKER).findings == ()
    assert judge(not_installed, NO_MODULE, NO_LIBRARIES, EMPTY_BUS, OUTSIDE).findings == ()
    nouveau = KernelModule(loaded=False, nouveau_loaded=True)
    assert judge(not_installed, nouveau, NO_LIBRARIES, BUS_UNBOUND, OUTSIDE).findings == ()


def test_silent_where_nobody_could_look_for_the_libraries() -> None:
    assert judge(not_installed, NO_MODULE, BUS_UNBOUND, OUTSIDE).findings == ()
    assert judge(not_installed, KernelModule(), NO_LIBRARIES, BUS_UNBOUND).result.status == "skipped"


def test_a_file_that_is_no_library_is_named_with_its_reason() -> None:
    broken = CudaDriver(library="", load_error="/opt/bad/libcuda.so.1: file too short")
    front = DriverLibraries(copies=(msgspec.structs.replace(library(folder="/opt/bad"), found_by="LD_LIBRARY_PATH"),))
    paths = Environment(variables={"LD_LIBRARY_PATH": "/opt/bad:/opt/good"})
    [finding] = judge(not_installed, MODULE, broken, front, paths, OUTSIDE).findings
    assert finding.title == "/opt/bad/libcuda.so.1 cannot be loaded: file too short; kernel module 595.45.04 is loaded"
    assert finding.fix[0].command == "export LD_LIBRARY_PATH=/opt/good"
    [finding] = judge(not_installed, MODULE, broken, OUTSIDE, UBUNTU).findings
    assert finding.fix[0].command == "sudo ubuntu-drivers install"


def test_fires_on_a_jetson_without_the_library() -> None:
    jetson = System(jetson=True, uid=1000)
    [finding] = judge(not_installed, NO_MODULE, NO_CUDA, NO_LIBRARIES, OUTSIDE, jetson).findings
    assert finding.title == "No libcuda.so.1 on the loader's path; this is a Jetson"
    assert finding.fix[0].command == "sudo apt install nvidia-jetpack"
    assert judge(not_installed, NO_MODULE, CUDA, OUTSIDE, jetson).findings == ()
