from __future__ import annotations

from envdoctor.diagnose.measured import measurements
from measured import HEALTHY, MIG, PROCESSOR, device, rate, with_kernel, with_rates, work


def test_a_healthy_card_is_listed_with_what_was_expected() -> None:
    listed = measurements(HEALTHY)
    matmul = next(m for m in listed if (m.name, m.dtype) == ("matmul", "bf16"))
    assert (matmul.gpu, matmul.value, matmul.unit, matmul.expected, matmul.status) == (0, 785.0, "TFLOP/s", 790.3, "ok")
    link = next(m for m in listed if m.name == "h2d-pinned")
    assert (link.status, link.reason) == ("ok", "expected by its PCIe link")
    assert {m.status for m in listed} == {"ok"}


def test_a_low_rate_is_marked() -> None:
    listed = measurements(work(with_rates(rate("copy", 2100.0, "GB/s"))))
    assert [m.name for m in listed if m.status == "low"] == ["copy"]


def test_a_slice_has_no_expectation_and_says_why() -> None:
    [copy] = measurements(work(MIG))[:1]
    assert (copy.expected, copy.status, copy.reason) == (None, "ok", "not comparable: a MIG slice")


def test_what_was_not_measured_says_why() -> None:
    listed = measurements(work(with_kernel("fft", "skipped", reason="no time was left in the budget")))
    last = listed[-1]
    assert (last.name, last.value, last.status) == ("fft", None, "not-measured")
    assert last.reason == "skipped: no time was left in the budget"


def test_the_processor_is_not_compared_and_has_no_gpu() -> None:
    [copy] = measurements(PROCESSOR)
    assert (copy.gpu, copy.expected, copy.status) == (None, None, "ok")


def test_a_gpu_that_nvml_does_not_name_has_torchs_ordinal() -> None:
    assert measurements(work(device(device="cuda:3", gpu=None)))[0].gpu == 3


def test_nothing_was_measured_without_work() -> None:
    assert measurements(None) == ()
