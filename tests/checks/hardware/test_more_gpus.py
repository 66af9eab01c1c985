from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import CudaDriver, Expectation, Nvml
from envdoctor_checks.hardware.more_gpus import more_gpus


def test_fires_when_cuda_sees_more() -> None:
    [finding] = judge(more_gpus, Expectation(gpus=2), Nvml(device_count=8), CudaDriver(device_count=8)).findings
    assert (finding.title, finding.severity) == ("2 GPUs expected; CUDA sees 8", "warning")
    assert finding.fix[0].command == "export CUDA_VISIBLE_DEVICES=0,1"


def test_fires_from_nvml_alone() -> None:
    [finding] = judge(more_gpus, Expectation(gpus=1), Nvml(device_count=2)).findings
    assert finding.title == "1 GPU expected; NVML sees 2"


def test_silent_when_as_many_or_fewer_are_there_or_a_mask_shows_the_right_number() -> None:
    assert judge(more_gpus, Expectation(gpus=8), CudaDriver(device_count=8)).findings == ()
    assert judge(more_gpus, Expectation(gpus=8), CudaDriver(device_count=7)).findings == ()
    assert judge(more_gpus, Expectation(gpus=1), Nvml(device_count=8), CudaDriver(device_count=1)).findings == ()
    failed = CudaDriver(init_code=999, device_count=0)
    assert judge(more_gpus, Expectation(gpus=1), Nvml(device_count=8), failed).findings == ()


def test_skipped_without_an_expectation() -> None:
    assert judge(more_gpus, Nvml(device_count=1)).result.status == "skipped"
