from __future__ import annotations

from typing import Any

import pytest

from envdoctor.diagnose.testing import judge
from envdoctor.facts import (
    Container,
    CudaDevice,
    CudaDriver,
    DriverLibraries,
    DriverLibrary,
    Interpreter,
    KernelModule,
    Message,
    Messages,
    NvidiaSmi,
    Nvml,
    Stage,
    System,
    TorchInstall,
    TorchRuntime,
)
from envdoctor_checks.cuda.driver_too_old import driver_too_old

T4 = CudaDriver(
    library="/usr/lib/libcuda.so.470.82.01",
    init_code=0,
    driver_version=11040,
    device_count=1,
    devices=(CudaDevice(ordinal=0, name="Tesla T4", compute_capability="7.5"),),
)
MODULE = KernelModule(loaded=True, version="470.82.01")
TORCH = TorchInstall(present=True, version="2.6.0+cu124", cuda="12.4", hip="")
PYTHON = Interpreter(path="/opt/venv/bin/python", version="3.11.7", machine="x86_64", libc="glibc 2.35", has_pip=True)
UBUNTU = System(platform="linux", distribution="ubuntu", wsl=0, uid=1000)
TITLE = "Driver 470.82.01 runs CUDA 11.4 at most; torch 2.6.0+cu124 needs CUDA 12.4"


def torch_for(cuda: str) -> TorchInstall:
    return TorchInstall(present=True, version=f"2.9.0+cu{cuda.replace('.', '')}", cuda=cuda, hip="")


def test_fires_on_a_lower_major() -> None:
    [finding] = judge(driver_too_old, T4, MODULE, TORCH, PYTHON, UBUNTU).findings
    assert finding.title == TITLE
    assert finding.confidence == "certain"
    assert ("cuDriverGetVersion", "CUDA 11.4") in {(one.source, one.value) for one in finding.evidence}
    driver, wheel = finding.fix
    assert driver.text.startswith("Install NVIDIA driver 525.60.13 or newer")
    assert wheel.command is not None
    assert wheel.command.startswith("/opt/venv/bin/python -m pip install")
    assert wheel.command.endswith("/cu118")


def test_fires_from_the_table_of_branches_where_the_driver_does_not_answer() -> None:
    [finding] = judge(driver_too_old, MODULE, TORCH).findings
    assert finding.title == TITLE
    assert (
        judge(driver_too_old, NvidiaSmi(driver_version="470.82.01", cuda_version="11.4"), TORCH).findings[0].title
        == TITLE
    )


def test_fires_below_the_first_driver_of_the_major() -> None:
    facts = KernelModule(loaded=True, version="450.51.06"), CudaDriver(driver_version=11000)
    [finding] = judge(driver_too_old, *facts, torch_for("11.8")).findings
    assert finding.title == "Driver 450.51.06 is below 450.80.02, the lowest that runs CUDA 11.8 (torch 2.9.0+cu118)"


def test_fires_on_torchs_own_words_alone() -> None:
    said = Message(
        key="torch-driver-too-old", text="The NVIDIA driver on your system is too old (found version 11040)."
    )
    [finding] = judge(driver_too_old, Messages(messages=(said,))).findings
    assert finding.title == "The driver runs CUDA 11.4 at most; torch is built for a newer one"
    [finding] = judge(driver_too_old, Messages(messages=(said,)), TORCH).findings
    assert finding.title == "The driver runs CUDA 11.4 at most; torch 2.6.0+cu124 needs CUDA 12.4"


def test_fires_on_ptx_that_the_driver_cannot_compile() -> None:
    said = Message(key="ptxas-version-unsupported", text="Unsupported .version 8.7; current version is '8.4'")
    driver = CudaDriver(library="/usr/lib/libcuda.so.1", driver_version=12040)
    [finding] = judge(driver_too_old, Messages(messages=(said,)), driver, torch_for("12.8")).findings
    assert finding.title == "The driver is too old: Unsupported .version 8.7; current version is '8.4'"
    assert finding.confidence == "likely"


def test_in_a_container_the_driver_is_the_hosts() -> None:
    [finding] = judge(driver_too_old, T4, MODULE, TORCH, PYTHON, Container(inside=True)).findings
    assert [fix.text for fix in finding.fix][1] == "Update the driver on the host to 525.60.13 or newer"


def test_what_no_newer_driver_drives_needs_another_torch() -> None:
    kepler = CudaDriver(driver_version=11040, devices=(CudaDevice(ordinal=0, compute_capability="3.5"),))
    [finding] = judge(driver_too_old, kepler, TORCH, PYTHON, UBUNTU).findings
    assert len(finding.fix) == 1


@pytest.mark.parametrize(
    ("driver", "cuda"),
    [
        (13020, "13.2"),
        (12020, "12.8"),
        (13000, "12.4"),
        (12080, "11.8"),
        (11080, "11.8"),
        (13000, "13.4"),
        (10020, "10.2"),
    ],
)
def test_silent_when_the_driver_runs_the_build(driver: int, cuda: str) -> None:
    assert judge(driver_too_old, CudaDriver(driver_version=driver), torch_for(cuda)).findings == ()


@pytest.mark.parametrize(
    "runtime",
    [
        TorchRuntime(version="2.6.0+cu124", cuda="12.4", works=True),
        TorchRuntime(cuda="12.4", cuda_available=True, stages=(Stage(name="cuda-init", status="ok"),)),
        TorchRuntime(cuda="12.4", cuda_available=True),
    ],
)
def test_silent_where_torch_was_seen_to_start(runtime: TorchRuntime) -> None:
    assert judge(driver_too_old, T4, MODULE, runtime).findings == ()


def test_fires_where_only_nvml_says_available() -> None:
    runtime = TorchRuntime(cuda="12.4", cuda_available=True, stages=(Stage(name="cuda-init", status="failed"),))
    assert judge(driver_too_old, T4, MODULE, TORCH, runtime).findings[0].title == TITLE


def compat(**fields: Any) -> tuple[DriverLibraries, CudaDriver]:
    path = "/usr/local/cuda-13.0/compat/libcuda.so.1"
    copy = DriverLibrary(
        name="libcuda.so.1", path=path, real_path=path, kind="compat", found_by="LD_LIBRARY_PATH", wins=True
    )
    return DriverLibraries(copies=(copy,)), CudaDriver(library=path, **fields)


def test_silent_where_a_compat_library_makes_up_for_it() -> None:
    facts = compat(init_code=0, driver_version=13000, device_count=1)
    assert (
        judge(driver_too_old, *facts, KernelModule(loaded=True, version="535.54.03"), torch_for("13.0")).findings == ()
    )


def test_silent_where_nobody_asked_the_compat_library() -> None:
    libraries, _ = compat()
    assert judge(driver_too_old, libraries, Nvml(cuda_driver_version=12020), torch_for("13.0")).findings == ()


def test_silent_for_builds_without_cuda_and_on_tegra() -> None:
    assert judge(driver_too_old, T4, TorchInstall(version="2.6.0+cpu", cuda="", hip="")).findings == ()
    assert judge(driver_too_old, T4, TORCH, System(jetson=True)).findings == ()


def test_silent_under_wsl_whose_driver_has_windows_numbers() -> None:
    facts = Nvml(driver_version="452.39", cuda_driver_version=11010), System(platform="linux", wsl=2)
    assert judge(driver_too_old, *facts, torch_for("11.8")).findings == ()


def test_silent_on_insufficient_driver_without_any_libcuda() -> None:
    said = Message(key="cuda-insufficient-driver", text="CUDA driver version is insufficient for CUDA runtime version")
    assert judge(driver_too_old, Messages(messages=(said,)), TORCH, CudaDriver(library="")).findings == ()


def test_silent_for_a_driver_version_that_no_table_knows() -> None:
    assert judge(driver_too_old, KernelModule(loaded=True, version="999.10"), TORCH).findings == ()


def test_skipped_without_a_driver_or_a_torch() -> None:
    assert judge(driver_too_old, TORCH).result.status == "skipped"
    assert judge(driver_too_old, T4).result.status == "skipped"
