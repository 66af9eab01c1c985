from __future__ import annotations

from typing import Any

import pytest

from envdoctor.diagnose.testing import judge
from envdoctor.facts import (
    Container,
    CudaDriver,
    KernelLog,
    Message,
    Messages,
    Nvml,
    PciBus,
    PciDevice,
    ProbeDeath,
    ProbeDeaths,
    Stage,
    System,
    TorchRuntime,
)
from envdoctor_checks.cuda.init_failed import init_failed

LIBRARY = "/usr/lib/x86_64-linux-gnu/libcuda.so.1"
NVML = Nvml(init_code=0, device_count=1, driver_version="550.54.15")
GPU = PciBus(
    device_count=9, devices=(PciDevice(address="0000:01:00.0", vendor="10de", device="2684", device_class="0300"),)
)
LOG = KernelLog(lines=("NVRM: GPU 0000:01:00.0: rm_init_adapter failed",))


def cuda(code: int, name: str | None = None, **more: Any) -> CudaDriver:
    return CudaDriver(library=LIBRARY, init_code=code, init_name=name, **more)


def runtime(error: str) -> TorchRuntime:
    return TorchRuntime(
        cuda="12.4", stages=(Stage(name="cuda-init", status="failed", error_type="RuntimeError", error=error),)
    )


def test_fires_with_the_code_and_the_library() -> None:
    [finding] = judge(init_failed, cuda(999, "CUDA_ERROR_UNKNOWN"), NVML, GPU, LOG, System(wsl=0)).findings
    assert finding.title == f"cuInit returned 999 (CUDA_ERROR_UNKNOWN) from {LIBRARY}"
    assert finding.detail.endswith("NVML works and sees 1 GPU.")
    assert finding.confidence == "certain"
    assert "NVRM: GPU 0000:01:00.0: rm_init_adapter failed" in {one.value for one in finding.evidence}
    assert finding.fix[0].command == "sudo modprobe -r nvidia_uvm && sudo modprobe nvidia_uvm"


@pytest.mark.parametrize("code", [3, 46, 304, 802, 803, 804, 999])
def test_fires_on_whatever_code(code: int) -> None:
    [finding] = judge(init_failed, cuda(code), NVML).findings
    assert finding.title.startswith(f"cuInit returned {code} (")


def test_code_100_counts_where_a_gpu_is_seen() -> None:
    [finding] = judge(init_failed, cuda(100, "CUDA_ERROR_NO_DEVICE"), NVML).findings
    assert finding.title == f"cuInit returned 100 (CUDA_ERROR_NO_DEVICE) from {LIBRARY}"
    assert finding.confidence == "likely"


def test_fires_when_the_driver_ends_the_process() -> None:
    death = ProbeDeath(
        probe="cuda_driver",
        kind="crashed",
        detail=f"cuInit (libcuda {LIBRARY}) was ended by SIGSEGV",
        signal="SIGSEGV",
        stage="init",
    )
    [finding] = judge(init_failed, ProbeDeaths(deaths=(death,)), NVML).findings
    assert finding.title == f"cuInit (libcuda {LIBRARY}) was ended by SIGSEGV"


def test_fires_when_only_torchs_start_fails() -> None:
    [finding] = judge(
        init_failed,
        cuda(0, device_count=1),
        runtime("Unexpected error from cudaGetDeviceCount(). Error 304: OS call failed"),
    ).findings
    assert finding.title == "cuInit succeeds; torch's own start ends with 304 (CUDA_ERROR_OPERATING_SYSTEM)"
    assert finding.confidence == "likely"


def test_fires_on_a_message_where_nobody_asked_cuinit() -> None:
    said = Message(
        key="torch-cuda-unknown-error", text="CUDA unknown error - this may be due to an incorrectly set up environment"
    )
    [finding] = judge(init_failed, Messages(messages=(said,))).findings
    assert finding.title.startswith("CUDA was not initialised: CUDA unknown error - this may be due to")
    assert finding.confidence == "possible"


def test_in_a_container_and_under_wsl_the_way_out_is_another() -> None:
    [finding] = judge(init_failed, cuda(999), Container(inside=True)).findings
    assert "on the host" in finding.fix[1].text
    [finding] = judge(init_failed, cuda(999), System(wsl=2)).findings
    assert finding.fix[0].command == "wsl --shutdown"


def test_silent_where_cuda_starts() -> None:
    assert judge(init_failed, cuda(0, device_count=1), NVML, ProbeDeaths()).findings == ()
    assert judge(init_failed, cuda(999), TorchRuntime(works=True)).findings == ()


def test_silent_on_100_where_nobody_sees_a_gpu() -> None:
    assert judge(init_failed, cuda(100), PciBus(device_count=5), Nvml(init_code=9)).findings == ()
    assert judge(init_failed, cuda(100)).findings == ()


def test_silent_where_a_variable_hides_the_gpu() -> None:
    assert judge(init_failed, cuda(100, unmasked_init_code=0, unmasked_device_count=1), NVML).findings == ()


def test_silent_on_codes_of_torchs_start_that_mean_something_else() -> None:
    for error in (
        "Error 2: out of memory",
        "Error 1: invalid argument",
        "No CUDA GPUs are available",
        "Error 46: busy",
    ):
        assert judge(init_failed, cuda(0, device_count=1), runtime(error)).findings == ()


def test_silent_on_a_hang_and_without_any_libcuda() -> None:
    hung = ProbeDeath(probe="cuda_driver", kind="timeout", detail="cuInit did not answer within 20 s", stage="init")
    assert judge(init_failed, ProbeDeaths(deaths=(hung,))).findings == ()
    assert judge(init_failed, CudaDriver(library="", load_error="not found"), ProbeDeaths()).findings == ()


def test_skipped_where_nobody_asked() -> None:
    assert judge(init_failed, NVML, GPU).result.status == "skipped"


def test_a_code_that_says_what_to_look_for_has_its_own_way_out() -> None:
    for code, command in ((46, "nvidia-smi -q -d COMPUTE"), (803, "ldconfig -p"), (2, "fuser")):
        [finding] = judge(init_failed, CudaDriver(library=LIBRARY, init_code=code), NVML).findings
        assert len(finding.fix) == 1
        assert command in (finding.fix[0].command or "")


def test_says_where_nvml_fails_too() -> None:
    [finding] = judge(init_failed, CudaDriver(library=LIBRARY, init_code=999), Nvml(init_code=999)).findings
    assert finding.detail.endswith("NVML fails too, with code 999.")
