from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import ProcessLibraries
from envdoctor_checks.cuda.upgraded_under_process import upgraded_under_process
from running import SITE, TORCH_CPU, WITH_CUDA, library, process


def test_fires_on_an_upgraded_driver_and_names_both_versions() -> None:
    old = library("cuda", "/usr/lib/libcuda.so.550.54.14", "550.54.14", deleted=True, now="595.45.04")
    [finding] = judge(upgraded_under_process, process(), ProcessLibraries(libraries=(TORCH_CPU, old))).findings
    assert finding.title == "libcuda.so.550.54.14: loaded, no longer on disk, where 595.45.04 is"
    assert (finding.severity, finding.confidence) == ("warning", "certain")


def test_fires_on_an_upgraded_torch_once() -> None:
    old = [
        library(name, f"{SITE}/torch/lib/lib{name}.so", None, deleted=True, now="2.9.1+cu130")
        for name in ("c10", "torch_cpu", "torch_cuda")
    ]
    [finding] = judge(upgraded_under_process, process(), ProcessLibraries(libraries=tuple(old))).findings
    assert finding.title == "libtorch_cpu.so and 2 more: loaded, no longer on disk, where 2.9.1+cu130 is"


def test_a_library_that_is_gone_is_told_apart_from_one_that_nobody_can_read() -> None:
    gone = library("cudnn", f"{SITE}/nvidia/cudnn/lib/libcudnn.so.9", None, deleted=True, now="")
    [finding] = judge(upgraded_under_process, process(), ProcessLibraries(libraries=(gone,))).findings
    assert finding.title == "libcudnn.so.9: loaded, no longer on disk, where nothing is"
    unknown = library("cudnn", f"{SITE}/nvidia/cudnn/lib/libcudnn.so.9", None, deleted=True)
    [finding] = judge(upgraded_under_process, process(), ProcessLibraries(libraries=(unknown,))).findings
    assert finding.title == "libcudnn.so.9: loaded, no longer on disk"


def test_silent_while_all_files_are_there() -> None:
    assert judge(upgraded_under_process, process(), WITH_CUDA).findings == ()
