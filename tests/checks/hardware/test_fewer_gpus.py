from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import CudaDriver, Expectation, Nvml
from envdoctor_checks.hardware.fewer_gpus import fewer_gpus


def test_fires_when_cuda_sees_fewer() -> None:
    [finding] = judge(fewer_gpus, Expectation(gpus=8), Nvml(device_count=8), CudaDriver(device_count=7)).findings
    assert finding.title == "8 GPUs expected; CUDA sees 7"
    assert [evidence.value for evidence in finding.evidence] == ["8", "8", "7"]


def test_fires_from_nvml_alone() -> None:
    [finding] = judge(fewer_gpus, Expectation(gpus=2), Nvml(device_count=1)).findings
    assert finding.title == "2 GPUs expected; NVML sees 1"


def test_silent_when_all_or_more_are_there() -> None:
    assert judge(fewer_gpus, Expectation(gpus=1), CudaDriver(device_count=2)).findings == ()


def test_skipped_without_a_count() -> None:
    assert judge(fewer_gpus, Expectation(gpus=1), Nvml(init_code=9)).result.status == "skipped"
    assert judge(fewer_gpus, Expectation(device="gpu"), Nvml(device_count=1)).result.status == "skipped"
