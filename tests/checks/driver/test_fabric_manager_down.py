from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import CudaDriver, Nvml, NvmlGpu, Processes, Stage, TorchRuntime
from envdoctor_checks.driver.fabric_manager_down import fabric_manager_down
from healthy import CUDA, DOCKER, MODULE, NVML, WORKS

NOT_READY = CudaDriver(init_code=802)
WAITING = Nvml(init_code=0, device_count=1, gpus=(NvmlGpu(index=0, fabric_state=2),))


def test_fires_and_says_that_it_does_not_run() -> None:
    [finding] = judge(fabric_manager_down, NOT_READY, WAITING, Processes(fabric_manager=False), MODULE).findings
    assert finding.title == "cuInit returns 802; the Fabric Manager does not run (fabric state 2 of 1 GPU)"
    assert finding.fix[0].command == "sudo systemctl enable --now nvidia-fabricmanager"
    assert "nvidia-fabricmanager-595=595.45.04-1" in (finding.fix[1].command or "")


def test_fires_on_the_code_alone() -> None:
    [finding] = judge(fabric_manager_down, NOT_READY).findings
    assert finding.title == "cuInit returns 802; the NVLink fabric is not set up"


def test_fires_on_torchs_words() -> None:
    stage = Stage(name="cuda-init", status="failed", error="Error 802: system not yet initialized")
    [finding] = judge(fabric_manager_down, TorchRuntime(stages=(stage,)), WAITING).findings
    assert finding.gpu is None


def test_in_a_container_the_fix_is_on_the_host() -> None:
    [finding] = judge(fabric_manager_down, NOT_READY, Processes(fabric_manager=False), DOCKER).findings
    assert "the NVLink fabric is not set up" in finding.title
    assert "on the host" in finding.fix[0].text


def test_silent_on_a_machine_without_a_fabric() -> None:
    assert judge(fabric_manager_down, CUDA, NVML, Processes(fabric_manager=False)).findings == ()


def test_silent_where_torch_works_and_where_another_code_is_given() -> None:
    assert judge(fabric_manager_down, NOT_READY, WORKS).findings == ()
    assert judge(fabric_manager_down, CudaDriver(init_code=999), NVML).findings == ()


def test_names_the_code_that_cuinit_gave() -> None:
    [finding] = judge(fabric_manager_down, CudaDriver(init_code=3), WAITING).findings
    assert finding.title.startswith("cuInit returns 3; ")


def test_a_fabric_in_progress_counts_where_torch_sees_no_gpu() -> None:
    [finding] = judge(fabric_manager_down, WAITING, TorchRuntime(cuda_available=False)).findings
    assert finding.title == "torch sees no GPU; the NVLink fabric is not set up (fabric state 2 of 1 GPU)"
    assert judge(fabric_manager_down, WAITING).findings == ()
    assert judge(fabric_manager_down, WAITING, TorchRuntime(cuda_available=True)).findings == ()
