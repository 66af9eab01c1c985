from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import ProbeDeath, ProbeDeaths, Processes, Stage, StuckProcess, TorchRuntime
from envdoctor_checks.driver.hung import hung
from healthy import CUDA, DOCKER, WORKS
from running import process, thread

HUNG = ProbeDeath(probe="cuda_driver", kind="timeout", detail="cuInit did not answer within 20 s", stage="init")


def test_fires_where_cuinit_hangs() -> None:
    stuck = Processes(stuck=(StuckProcess(pid=7, name="nvidia-smi", wait_channel="nv_wait"),))
    [finding] = judge(hung, ProbeDeaths(deaths=(HUNG,)), stuck).findings
    assert finding.title == "cuInit did not answer within 20 s; 1 process is stuck in the driver"


def test_fires_where_torch_hangs_in_cuda() -> None:
    stage = Stage(name="cuda-init", status="hung", error="torch.cuda.is_available() did not answer within 20 s")
    [finding] = judge(hung, ProbeDeaths(), TorchRuntime(stages=(stage,))).findings
    assert finding.title == "torch.cuda.is_available() did not answer within 20 s"


def test_silent_where_all_answered_or_torch_works() -> None:
    assert judge(hung, ProbeDeaths()).findings == ()
    assert judge(hung, ProbeDeaths(deaths=(HUNG,)), WORKS).findings == ()


def test_silent_where_something_else_hung_or_crashed() -> None:
    others = (
        ProbeDeath(probe="kernel_log", kind="timeout", detail="dmesg did not answer"),
        ProbeDeath(probe="cuda_driver", kind="crashed", detail="cuInit was ended by SIGSEGV"),
    )
    assert judge(hung, ProbeDeaths(deaths=others)).findings == ()


def test_skipped_where_no_probe_was_made() -> None:
    assert judge(hung, WORKS).result.status == "skipped"


def test_fires_on_a_process_that_waits_in_the_driver_though_the_driver_answers() -> None:
    waits = thread(state="D", always_in_state=True, wait_channel="rm_ioctl [nvidia]", cpu=0.0)
    [finding] = judge(hung, ProbeDeaths(), process(waits)).findings
    assert finding.title == "process 4711 (python): thread 4711 (python) waits in rm_ioctl [nvidia]"
    assert finding.confidence == "likely"


def test_silent_on_a_process_that_waits_for_a_disk_or_waits_now_and_then() -> None:
    disk = thread(state="D", always_in_state=True, wait_channel="folio_wait_bit_common", cpu=0.0)
    assert judge(hung, ProbeDeaths(), process(disk)).findings == ()
    moment = thread(state="D", always_in_state=False, wait_channel="rm_ioctl [nvidia]", cpu=0.3)
    assert judge(hung, ProbeDeaths(), process(moment)).findings == ()


def test_only_a_warning_where_nvml_hangs_and_torch_computes() -> None:
    nvml = ProbeDeath(probe="nvml", kind="timeout", detail="nvmlInit did not answer within 20 s", stage="init")
    [finding] = judge(hung, ProbeDeaths(deaths=(nvml,)), WORKS).findings
    assert finding.severity == "warning"
    [finding] = judge(hung, ProbeDeaths(deaths=(nvml,)), CUDA).findings
    assert finding.severity == "error"


def test_silent_where_the_interpreter_hangs_before_it_asks_the_driver() -> None:
    start = ProbeDeath(probe="nvml", kind="timeout", detail="the NVML child did not answer within 20 s")
    assert judge(hung, ProbeDeaths(deaths=(start,))).findings == ()


def test_from_a_container_the_host_is_restarted() -> None:
    [finding] = judge(hung, ProbeDeaths(deaths=(HUNG,)), DOCKER).findings
    assert finding.fix[0].command == "sudo reboot  # on the host"
