from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import CudaDevice, CudaDriver, ProgramLog, TorchRuntime
from envdoctor_checks.compute.jit import jit
from healthy import CUDA, WORKS
from measured import H200, rate, work

NEW = CudaDriver(init_code=0, device_count=1, devices=(CudaDevice(ordinal=0, compute_capability="12.0"),))
PTX = TorchRuntime(version="2.5.1+cu124", arch_list=("sm_80", "sm_90", "compute_90"), works=True)


def test_a_note_where_only_ptx_is_there() -> None:
    [finding] = judge(jit, PTX, NEW).findings
    assert finding.title == "torch 2.5.1+cu124 has PTX and no binary for compute capability 12.0"
    assert finding.severity == "info"


def test_fires_where_it_was_felt() -> None:
    waited = work(msgspec.structs.replace(H200, rates=(rate("copy", 1.0, "GB/s", first=31.0),)))
    [finding] = judge(jit, PTX, NEW, waited).findings
    assert finding.title.endswith("12.0; a first run took 31 s")
    assert finding.severity == "warning"


def test_silent_with_a_binary_or_without_either() -> None:
    assert judge(jit, WORKS, CUDA).findings == ()
    assert (
        judge(jit, TorchRuntime(arch_list=("sm_80", "sm_90")), NEW).findings == ()
    )  # that is torch.arch-not-supported


def test_fires_on_a_program_whose_cuda_is_older_than_its_gpu() -> None:
    [finding] = judge(jit, ProgramLog(cuda="10", capabilities=("8.6",))).findings
    assert finding.title == "The program loaded CUDA 10, which is older than compute capability 8.6 (CUDA 11.1)"
    assert judge(jit, ProgramLog(cuda="11", capabilities=("8.6",))).findings == (), "11.1 and newer know it"
    assert judge(jit, ProgramLog(cuda="10", capabilities=("7.5",))).findings == ()
    assert judge(jit, ProgramLog(capabilities=("8.6",))).findings == ()


def test_fires_on_a_first_use_of_minutes() -> None:
    [finding] = judge(jit, ProgramLog(first_seconds=200.0)).findings
    assert finding.title == "The first use of the GPU took 200 s: kernels are compiled for it from PTX"
