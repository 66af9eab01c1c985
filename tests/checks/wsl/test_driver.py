from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import (
    CudaDriver,
    DeviceNode,
    DeviceNodes,
    DriverLibraries,
    Message,
    Messages,
    System,
    TorchRuntime,
)
from envdoctor.knowledge.messages import recognise
from envdoctor_checks.wsl.driver import driver
from healthy import CUDA, CUDA_FAILS, LIBRARIES, NO_LIBRARIES, UBUNTU, library

WSL2 = System(wsl=2, kernel="5.15.153.1-microsoft-standard-WSL2", hypervisor="microsoft")
SHARED = DriverLibraries(copies=(library(folder="/usr/lib/wsl/lib", kind="wsl"),))


def test_fires_on_a_linux_driver_inside() -> None:
    [finding] = judge(driver, WSL2, LIBRARIES, CUDA_FAILS).findings
    assert finding.title == "WSL loads a Linux driver's libcuda 595.45.04, not Windows' own; cuInit returns 100"


def test_fires_on_wsl_1() -> None:
    [finding] = judge(driver, System(wsl=1, kernel="4.4.0-19041-Microsoft")).findings
    assert finding.title == "This is WSL 1 (kernel 4.4.0-19041-Microsoft); the GPU exists in WSL 2 only"


def test_fires_where_windows_shares_nothing() -> None:
    [finding] = judge(driver, WSL2, NO_LIBRARIES).findings
    assert finding.title == "WSL: Windows shares no libcuda in /usr/lib/wsl/lib, and /dev/dxg is absent"


def test_fires_on_what_nvml_says_of_the_operating_system() -> None:
    said = Messages(messages=(Message(key="nvml-blocked-by-os", text="GPU access blocked by the operating system"),))
    [finding] = judge(driver, WSL2, SHARED, said).findings
    assert finding.confidence == "likely"


def test_silent_with_windows_own_library() -> None:
    assert judge(driver, WSL2, SHARED).findings == ()


def test_silent_outside_wsl_and_where_cuda_works() -> None:
    assert judge(driver, UBUNTU, LIBRARIES).findings == ()
    assert judge(driver, WSL2, LIBRARIES, CUDA).findings == ()


def test_skipped_where_nobody_knows_whether_it_is_wsl() -> None:
    assert judge(driver, System(), LIBRARIES).result.status == "skipped"


def test_fires_where_windows_finds_no_gpu() -> None:
    [finding] = judge(driver, WSL2, SHARED, CUDA_FAILS).findings
    assert finding.title == "WSL: Windows' libcuda finds no GPU (cuInit returns 100), and /dev/dxg is absent"
    masked = CudaDriver(library="/usr/lib/wsl/lib/libcuda.so.1", init_code=100, unmasked_init_code=0)
    assert judge(driver, WSL2, SHARED, masked).findings == ()


def test_silent_where_this_user_may_not_open_the_node() -> None:
    barred = DeviceNodes(nodes=(DeviceNode(path="/dev/dxg", exists=True, openable=False, error="EACCES"),))
    assert judge(driver, WSL2, SHARED, CUDA_FAILS, barred).findings == ()


def test_fires_on_what_a_report_says_of_a_driver() -> None:
    said = Messages(messages=recognise("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver"))
    [finding] = judge(driver, System(wsl=2), said).findings
    assert (finding.title[-12:], finding.confidence) == ("(inside WSL)", "likely")
    assert judge(driver, System(wsl=2), said, TorchRuntime(cuda_available=True)).findings == ()
