from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Messages, Nvml, NvmlGpu, TorchRuntime
from envdoctor_checks.driver.mig_no_instance import mig_no_instance
from healthy import CUDA, CUDA_FAILS, NVML

BARE = NvmlGpu(index=0, error=0, name="NVIDIA A100", mig_mode=1, mig_uuids=())
SLICED = NvmlGpu(index=1, error=0, name="NVIDIA A100", mig_mode=1, mig_uuids=("MIG-1",))


def test_fires_without_instances() -> None:
    [finding] = judge(mig_no_instance, Nvml(gpus=(BARE,)), CUDA_FAILS).findings
    assert finding.title == "GPU 0 (NVIDIA A100): MIG is on and there are 0 compute instances; cuInit returns 100"
    assert finding.fix[0].command == "sudo nvidia-smi mig -i 0 -cgi 0 -C"


def test_silent_with_instances_elsewhere_and_without_mig() -> None:
    assert judge(mig_no_instance, Nvml(gpus=(BARE, SLICED)), CUDA_FAILS).findings == ()
    assert judge(mig_no_instance, NVML, CUDA_FAILS).findings == ()


def test_warns_of_the_one_gpu_that_lies_idle_where_cuda_works_on_others() -> None:
    [finding] = judge(mig_no_instance, Nvml(gpus=(NvmlGpu(index=1, error=0), BARE)), CUDA).findings
    assert (finding.title, finding.severity, finding.gpu) == (
        "GPU 0 (NVIDIA A100): MIG is on and there are 0 compute instances",
        "warning",
        0,
    )


def test_silent_where_the_instances_are_used_or_unknown() -> None:
    assert judge(mig_no_instance, Nvml(gpus=(SLICED,)), CUDA).findings == ()
    assert judge(mig_no_instance, Nvml(gpus=(NvmlGpu(index=0, mig_mode=1),)), CUDA).findings == ()
    assert judge(mig_no_instance, Nvml(gpus=(NvmlGpu(index=0, mig_mode=1),)), CUDA_FAILS).findings == ()


def test_of_a_report_that_shows_mig_on_and_no_instances() -> None:
    gpu = NvmlGpu(index=0, name="NVIDIA A100", mig_mode=1)
    nvml = Nvml(init_code=0, gpus=(gpu,))
    [finding] = judge(mig_no_instance, nvml, TorchRuntime(cuda_available=False)).findings
    assert finding.confidence == "likely"
    assert judge(mig_no_instance, nvml, Messages()).findings == ()
    sliced = Nvml(init_code=0, gpus=(msgspec.structs.replace(gpu, mig_uuids=("MIG-1",)),))
    assert judge(mig_no_instance, sliced, TorchRuntime(cuda_available=False)).findings == ()
