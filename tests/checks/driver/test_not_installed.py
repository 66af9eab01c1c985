from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import KernelModule
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
