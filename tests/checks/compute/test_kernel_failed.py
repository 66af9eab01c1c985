from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor_checks.compute.kernel_failed import kernel_failed
from measured import HEALTHY, with_kernel, work


def test_fires_on_an_error_with_what_it_said() -> None:
    bad = with_kernel("fft", "failed", error_type="RuntimeError", reason="cuFFT error: CUFFT_INTERNAL_ERROR")
    [finding] = judge(kernel_failed, work(bad)).findings
    assert finding.title == "fft on GPU 0: RuntimeError: cuFFT error: CUFFT_INTERNAL_ERROR"
    assert finding.severity == "error"


def test_fires_on_a_crash() -> None:
    bad = with_kernel("solve", "crashed", signal="SIGSEGV", reason="was ended by SIGSEGV")
    [finding] = judge(kernel_failed, work(bad)).findings
    assert finding.title == "solve on GPU 0: was ended by SIGSEGV"


def test_what_one_gpu_can_do_without_is_a_warning() -> None:
    bad = with_kernel("nccl-one-rank", "failed", error_type="RuntimeError", reason="NCCL Error 2")
    [finding] = judge(kernel_failed, work(bad)).findings
    assert finding.severity == "warning"


def test_fires_where_memory_runs_out_that_nobody_holds() -> None:
    [finding] = judge(kernel_failed, work(with_kernel("sort", "out-of-memory", reason="tried to allocate"))).findings
    assert finding.title == "sort on GPU 0: error: tried to allocate"


def test_silent_where_they_run_are_skipped_or_run_out_of_memory() -> None:
    assert judge(kernel_failed, HEALTHY).findings == ()
    assert judge(kernel_failed, work(with_kernel("matmul:fp8", "skipped", reason="no units"))).findings == ()
    full = msgspec.structs.replace(with_kernel("copy", "out-of-memory"), memory_free=1 << 30)
    assert judge(kernel_failed, work(full)).findings == ()
