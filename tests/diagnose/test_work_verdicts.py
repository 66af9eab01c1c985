"""From measurements to one verdict: the specific cause is named where it is seen, the generic one only otherwise."""

from __future__ import annotations

import msgspec
import pytest

from envdoctor.diagnose.testing import snapshot_of
from envdoctor.examine import judge
from envdoctor.facts import Environment, Fact, Resources, Watched
from envdoctor.report.model import Report
from healthy import BUS, CUDA, MODULE, NODES, NVML, OUTSIDE, PYTHON, TORCH, UBUNTU, WORKS
from measured import H200, LOAD, MIG, RATES, STEP, device, rate, with_kernel, with_load, with_rates, with_step, work

MACHINE: tuple[Fact, ...] = (UBUNTU, BUS, MODULE, NODES, NVML, CUDA, OUTSIDE, PYTHON, TORCH, WORKS)


def examined(*facts: Fact) -> Report:
    """The report on a healthy machine with these facts more."""
    return judge(snapshot_of(*MACHINE, *facts))


SLOW = tuple(rate("matmul", 300.0, "TFLOP/s", "bf16") if (r.name, r.dtype) == ("matmul", "bf16") else r for r in RATES)
TAIL = msgspec.structs.replace(STEP, p99=0.5)
STALLED = with_rates(rate("launch-small-issue", 90.0, "us", on_processor=0.5)).rates
FALLEN = msgspec.structs.replace(
    TAIL, watched=Watched(ops=9, elsewhere=1, first_elsewhere="aten.mm.default", to_host=1)
)
NARROW = msgspec.structs.replace(LOAD, link_width=1)
HOT = msgspec.structs.replace(LOAD, reasons=0x40, celsius=95.0)
QUOTA = Resources(logical_cpus=32, affinity_cpus=32, cpu_quota=0.5, periods=100, throttled_periods=60)
BLOCKING = Environment(variables={"CUDA_LAUNCH_BLOCKING": "1"})


def test_a_healthy_card_is_ok() -> None:
    report = examined(work())
    assert (report.verdict.status, report.verdict.cause) == ("ok", None)
    assert [finding.id for finding in report.findings if finding.severity != "info"] == []


def test_the_first_line_of_a_healthy_card_is_what_it_did() -> None:
    assert examined(work()).verdict.summary.endswith("; bf16 785 TFLOP/s, copy 4280 GB/s")
    slower = with_rates(rate("copy", 4100.0, "GB/s"))
    assert examined(work(device(), slower)).verdict.summary.endswith("; bf16 785 TFLOP/s, copy 4100 GB/s")
    turing = device(
        name="Tesla T4", rates=(rate("matmul", 8.1, "TFLOP/s", "fp32"), rate("matmul", 41.0, "TFLOP/s", "fp16"))
    )
    assert examined(work(turing)).verdict.summary.endswith("; fp16 41 TFLOP/s")
    assert "TFLOP/s" not in examined().verdict.summary


def test_a_slice_a_shared_card_and_an_idle_desktop_are_ok() -> None:
    for fine in (work(MIG), work(device(tenants=("7 ollama",))), work(with_load(utilization_before=5.0))):
        assert examined(fine).verdict.status == "ok"


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        ((work(device(rates=SLOW)),), "compute.slow"),
        ((work(device(rates=SLOW, load=HOT)),), "gpu.throttled"),
        ((work(device(step=TAIL)),), "compute.step-jitter"),
        ((work(device(step=TAIL, load=HOT)),), "gpu.throttled"),
        ((work(device(step=TAIL, throttled_periods=60)), QUOTA), "host.cpu-quota"),
        ((work(device(rates=STALLED)),), "compute.launch-stall"),
        ((work(device(rates=STALLED)), QUOTA), "host.cpu-quota"),
        ((work(device(rates=STALLED)), BLOCKING), "env.launch-blocking"),
        ((work(device(rates=STALLED, load=msgspec.structs.replace(LOAD, utilization_before=90.0))),), "gpu.busy"),
        (
            (work(msgspec.structs.replace(with_rates(rate("h2d-pinned", 1.5, "GB/s")), load=NARROW)),),
            "gpu.pcie-degraded",
        ),
        (
            (work(*(device(device=f"cuda:{i}", gpu=i, rates=SLOW if i == 5 else RATES) for i in range(8))),),
            "compute.slow",
        ),
    ],
)
def test_what_works_and_is_slow_is_degraded_by_its_cause(facts: tuple[Fact, ...], cause: str) -> None:
    verdict = examined(*facts).verdict
    assert (verdict.status, verdict.cause, verdict.also) == ("degraded", cause, ())
    assert verdict.gpu_usable is True


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        (work(device(step=FALLEN)), "compute.cpu-fallback"),
        (work(with_rates(rate("sort", 1.0, "Gkey/s", right=False, error=None))), "compute.wrong-result"),
        (work(with_step(finite=False, losses=(7.0, None))), "compute.wrong-result"),
        (work(with_kernel("resnet-step", "hung", seconds=20.0)), "compute.hung"),
        (work(with_kernel("solve", "failed", error_type="RuntimeError", reason="cusolver")), "compute.kernel-failed"),
        (work(msgspec.structs.replace(with_kernel("copy", "out-of-memory"), memory_free=1 << 30)), "gpu.memory-full"),
    ],
)
def test_what_does_not_work_is_broken(facts: Fact, cause: str) -> None:
    verdict = examined(facts).verdict
    assert (verdict.status, verdict.cause) == ("broken", cause)


def test_measurements_are_in_the_report() -> None:
    listed = examined(work()).measurements
    assert len(listed) == len(H200.rates)
    assert {item.status for item in listed} == {"ok"}
