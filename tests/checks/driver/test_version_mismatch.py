from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import CudaDriver, DriverLibraries, KernelModule, Message, Messages, Nvml
from envdoctor_checks.driver.version_mismatch import version_mismatch
from healthy import CUDA, DOCKER, LIBRARIES, MODULE, NVML, library

NEWER = DriverLibraries(copies=(library("595.58.03"), library("595.58.03", "libnvidia-ml.so.1")))
MISMATCH = Nvml(init_code=18)
REFUSED = CudaDriver(library="/usr/lib/libcuda.so.595.58.03", init_code=803)


def test_fires_with_both_versions() -> None:
    [finding] = judge(version_mismatch, MISMATCH, REFUSED, MODULE, NEWER).findings
    assert finding.title == "Kernel module 595.45.04, libraries 595.58.03"
    assert finding.fix[0].command == "sudo reboot"


def test_fires_from_cuda_alone_where_the_versions_differ() -> None:
    assert len(judge(version_mismatch, REFUSED, MODULE, NEWER).findings) == 1


def test_fires_on_nvml_18_alone_as_a_report_gives_it() -> None:
    [finding] = judge(version_mismatch, MISMATCH).findings
    assert finding.title == "NVML says that its library and the loaded kernel module differ in version (18)"


def test_fires_on_the_kernels_own_words() -> None:
    said = Messages(
        messages=(Message(key="kernel-api-mismatch", text="NVRM: API mismatch: the client has the version 550"),)
    )
    assert len(judge(version_mismatch, said).findings) == 1


def test_fires_on_cudas_word_alone() -> None:
    [finding] = judge(version_mismatch, REFUSED).findings
    assert finding.title == "cuInit returns 803: libcuda is of another version than the kernel module"


def test_fires_where_a_newer_libcuda_is_taken_for_forward_compatibility() -> None:
    newer = DriverLibraries(copies=(library("595.58.03"),))
    [finding] = judge(version_mismatch, CudaDriver(init_code=804), MODULE, newer).findings
    assert finding.title == "Kernel module 595.45.04, libraries 595.58.03"


def test_in_a_container_the_fix_is_on_the_host() -> None:
    [finding] = judge(version_mismatch, MISMATCH, DOCKER).findings
    assert "host" in finding.fix[0].text


def test_silent_where_the_versions_agree() -> None:
    assert judge(version_mismatch, NVML, CUDA, MODULE, LIBRARIES).findings == ()
    assert judge(version_mismatch, REFUSED, MODULE, LIBRARIES).findings == ()


def test_silent_with_a_compat_library_in_front() -> None:
    compat = DriverLibraries(copies=(library("595.58.03", folder="/usr/local/cuda/compat", kind="compat"),))
    assert judge(version_mismatch, REFUSED, MODULE, compat).findings == ()


def test_silent_where_cuda_works_all_the_same() -> None:
    assert judge(version_mismatch, CUDA, KernelModule(version="535.1"), NEWER).findings == ()


def test_skipped_where_nothing_is_known() -> None:
    assert judge(version_mismatch, NEWER).result.status == "skipped"


def test_fires_on_803_where_only_nvmls_version_is_known() -> None:
    unnumbered = DriverLibraries(
        copies=(msgspec.structs.replace(library(), version=None), library("595.45.04", "libnvidia-ml.so.1"))
    )
    [finding] = judge(version_mismatch, REFUSED, NVML, MODULE, unnumbered).findings
    assert finding.title == "cuInit returns 803: libcuda is of another version than the kernel module 595.45.04"
    assert judge(version_mismatch, REFUSED, NVML, MODULE, LIBRARIES).findings == ()


def test_fires_where_nobody_asked_and_the_packages_are_of_another_version() -> None:
    [finding] = judge(
        version_mismatch, KernelModule(loaded=True, version="545.23.08"), Nvml(library_version="550.54.14")
    ).findings
    assert finding.title == "Kernel module 545.23.08, libraries 550.54.14"


def test_silent_where_a_version_is_only_cut_short_or_nvml_answers() -> None:
    module = KernelModule(loaded=True, version="550.54.14")
    assert judge(version_mismatch, module, Nvml(library_version="550.54")).findings == ()
    assert judge(version_mismatch, module, Nvml(library_version="535.54.03", init_code=0)).findings == ()
