from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import CudaDevice, CudaDriver, Message, Messages, Nvml, NvmlGpu, NvmlProcess
from envdoctor_checks.driver.compute_mode import compute_mode
from healthy import CUDA, NVML, WORKS

BUSY = CudaDriver(init_code=46)


def gpu(index: int, mode: int, *pids: int) -> NvmlGpu:
    processes = tuple(NvmlProcess(pid=pid, kind="compute") for pid in pids)
    return NvmlGpu(index=index, error=0, name="Tesla T4", compute_mode=mode, processes=processes)


def test_fires_on_prohibited() -> None:
    [finding] = judge(compute_mode, Nvml(gpus=(gpu(0, 2),)), BUSY).findings
    assert finding.title == "GPU 0 (Tesla T4): compute mode is prohibited"
    assert finding.fix[0].command == "sudo nvidia-smi -i 0 -c 0"


def test_fires_on_exclusive_and_taken() -> None:
    [finding] = judge(compute_mode, Nvml(gpus=(gpu(0, 3, 4242),)), BUSY).findings
    assert finding.title == "GPU 0 (Tesla T4): compute mode is exclusive and process 4242 holds it"


def test_fires_on_cudas_words_as_a_possibility() -> None:
    said = Messages(messages=(Message(key="cuda-driver-device-unavailable", text="CUDA_ERROR_DEVICE_UNAVAILABLE"),))
    [finding] = judge(compute_mode, said).findings
    assert finding.confidence == "possible"


def test_warns_of_one_gpu_that_is_closed_where_cuda_works_on_others() -> None:
    for works in (CUDA, WORKS):
        [finding] = judge(compute_mode, Nvml(gpus=(gpu(0, 0), gpu(3, 2))), works).findings
        assert (finding.title, finding.severity, finding.gpu) == (
            "GPU 3 (Tesla T4): compute mode is prohibited",
            "warning",
            3,
        )
        assert finding.evidence[0].value == "GPU 3: prohibited"


def test_a_closed_gpu_that_is_unlike_the_others_is_a_note() -> None:
    display = msgspec.structs.replace(gpu(3, 2), name="Quadro P400")
    [finding] = judge(compute_mode, Nvml(gpus=(gpu(0, 0), display)), CUDA).findings
    assert (finding.severity, finding.gpu) == ("info", 3)


def test_silent_in_default_mode_exclusive_and_free_or_with_another_gpu_open() -> None:
    assert judge(compute_mode, NVML, CUDA).findings == ()
    assert judge(compute_mode, Nvml(gpus=(gpu(0, 3),)), CUDA).findings == ()
    assert judge(compute_mode, Nvml(gpus=(gpu(0, 3, 4242), gpu(1, 0))), CUDA).findings == ()
    assert judge(compute_mode, Nvml(gpus=(gpu(0, 2), gpu(1, 0))), BUSY).findings == ()


def test_silent_where_torch_works() -> None:
    assert judge(compute_mode, Nvml(gpus=(gpu(0, 3, 4242),)), WORKS).findings == ()


def test_fires_on_cudas_own_word_without_nvml() -> None:
    cuda = CudaDriver(init_code=0, device_count=1, devices=(CudaDevice(ordinal=0, name="Tesla T4", compute_mode=2),))
    [finding] = judge(compute_mode, cuda).findings
    assert finding.title == "GPU 0 (Tesla T4): compute mode is prohibited"
    open_too = msgspec.structs.replace(cuda, devices=(*cuda.devices, CudaDevice(ordinal=1, compute_mode=0)))
    assert judge(compute_mode, open_too).findings == ()
