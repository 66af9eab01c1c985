from __future__ import annotations

import pytest

from envdoctor.diagnose.measured import number
from envdoctor.facts import Kernel
from envdoctor.report.measured import summary, table
from measured import HEALTHY, MIG, device, rate, with_kernel, with_rates, work


def test_one_line_tells_what_matters() -> None:
    [line] = summary(HEALTHY)
    assert line.startswith("GPU 0 (NVIDIA H200): copy 4280 GB/s (100%), bf16 matmul 785 TFLOP/s (99%), ")
    assert line.endswith("resnet-step 2900 images/s")


def test_what_is_low_or_lost_is_in_the_line() -> None:
    [line] = summary(work(with_rates(rate("copy", 2100.0, "GB/s"))))
    assert "copy 2100 GB/s (49%, low)" in line
    [line] = summary(work(with_kernel("fft", "hung")))
    assert line.endswith("; fft hung")
    [line] = summary(work(with_kernel("fft", "skipped", reason="no time was left in the budget")))
    assert line.endswith("; 1 kernel left out for time")
    [line] = summary(work(with_kernel("matmul:fp8", "skipped", reason="this device has no units for it")))
    assert "fp8" not in line


def test_why_nothing_was_measured_is_said() -> None:
    lost = Kernel(name="start", status="skipped", reason="module 'torch' has no attribute 'ones'")
    after = Kernel(name="copy", status="skipped", reason="the device could not be started")
    [line] = summary(work(device(rates=(), kernels=(after, lost))))
    assert line == "GPU 0 (NVIDIA H200): nothing was measured (module 'torch' has no attribute 'ones')"


def test_the_table_has_every_figure_and_the_step() -> None:
    rows = table(work(device(), MIG, with_kernel("fft", "crashed", reason="SIGSEGV")))
    assert ("GPU 0", "bf16 matmul", "785 TFLOP/s", "790", "right", "") in rows
    assert ("GPU 0", "fft", "crashed", "", "", "SIGSEGV") in rows
    assert any(row[1] == "ResNet-50 step" and "p99 46 ms" in row[2] and "7.10 → 4.20" in row[5] for row in rows)
    assert any(row[5] == "not comparable: a MIG slice" for row in rows)


def test_the_share_of_the_step_in_which_the_gpu_worked_is_told_where_a_profiler_saw_it() -> None:
    assert not any("GPU busy" in row[5] for row in table(HEALTHY))
    rows = table(work(with_rates(rate("profile", 1100.0, "kernels", busy=0.914))))
    assert any(row[1] == "ResNet-50 step" and "GPU busy 91%" in row[5] for row in rows)


def test_wrong_numbers_shout() -> None:
    assert any(row[4] == "WRONG" for row in table(work(with_rates(rate("copy", 4000.0, "GB/s", right=False)))))


@pytest.mark.parametrize(("value", "text"), [(784.9, "785"), (4.6217, "4.62"), (0.03121, "0.0312"), (55.25, "55.2")])
def test_three_digits_matter(value: float, text: str) -> None:
    assert number(value) == text
