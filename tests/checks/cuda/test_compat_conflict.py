from __future__ import annotations

from typing import Any

import pytest

from envdoctor.diagnose.testing import judge
from envdoctor.facts import (
    Container,
    CudaDriver,
    DriverLibraries,
    DriverLibrary,
    Environment,
    KernelModule,
    Message,
    Messages,
    Nvml,
    NvmlGpu,
    TorchInstall,
    TorchRuntime,
)
from envdoctor_checks.cuda.compat_conflict import compat_conflict

PATH = "/usr/local/cuda-13.2/compat/libcuda.so.1"
REAL = "/usr/local/cuda-13.2/compat/libcuda.so.595.45.04"
COMPAT = DriverLibrary(
    name="libcuda.so.1",
    path=PATH,
    real_path=REAL,
    version="595.45.04",
    kind="compat",
    found_by="LD_LIBRARY_PATH",
    wins=True,
)
DRIVERS = DriverLibrary(
    name="libcuda.so.1",
    path="/usr/lib/libcuda.so.1",
    real_path="/usr/lib/libcuda.so.550.54.15",
    kind="driver",
    found_by="ld.so.cache",
)
LIBRARIES = DriverLibraries(copies=(COMPAT, DRIVERS))
NVML = Nvml(driver_version="550.54.15", gpus=(NvmlGpu(index=0, name="NVIDIA GeForce RTX 4090"),))
PATHS = Environment(variables={"LD_LIBRARY_PATH": "/usr/local/cuda-13.2/compat"})


def cuda(code: int, library: str = REAL, **more: Any) -> CudaDriver:
    return CudaDriver(library=library, init_code=code, **more)


def test_fires_on_a_card_that_does_not_support_it() -> None:
    [finding] = judge(compat_conflict, cuda(804), LIBRARIES, NVML, PATHS).findings
    assert finding.title == "libcuda 595.45.04 of cuda-compat is loaded over driver 550.54.15; cuInit returns 804"
    assert finding.detail == "This card does not support forward compatibility."
    assert finding.fix[0].command == "unset LD_LIBRARY_PATH"
    assert "NVIDIA GeForce RTX 4090" in {one.value for one in finding.evidence}


def test_fires_on_a_driver_it_was_not_made_for() -> None:
    [finding] = judge(compat_conflict, cuda(803), LIBRARIES, KernelModule(loaded=True, version="580.65.06")).findings
    assert finding.title == "libcuda 595.45.04 of cuda-compat is loaded over driver 580.65.06; cuInit returns 803"


def test_says_when_the_driver_alone_would_not_do() -> None:
    [finding] = judge(
        compat_conflict, cuda(804), LIBRARIES, NVML, TorchInstall(version="2.11.0+cu130", cuda="13.0")
    ).findings
    assert finding.detail.endswith(
        "Without it driver 550.54.15 runs CUDA 12.4, and torch needs 13.0: the driver must be updated."
    )


def test_what_was_mapped_is_enough() -> None:
    [finding] = judge(compat_conflict, cuda(804)).findings
    assert finding.title.startswith(
        "libcuda /usr/local/cuda-13.2 of cuda-compat is loaded over the driver; cuInit returns 804"
    )
    assert len(finding.title) <= 100


def test_in_a_container_the_image_is_the_other_way_out() -> None:
    [finding] = judge(compat_conflict, cuda(804), LIBRARIES, NVML, Container(inside=True)).findings
    assert "image" in finding.fix[1].text


def test_found_through_the_loaders_configuration() -> None:
    cached = DriverLibrary(
        name="libcuda.so.1",
        path=PATH,
        real_path=REAL,
        version="595.45.04",
        kind="compat",
        found_by="ld.so.cache",
        wins=True,
    )
    [finding] = judge(compat_conflict, cuda(803), DriverLibraries(copies=(cached,)), NVML).findings
    assert finding.fix[0].command is not None
    assert finding.fix[0].command.endswith("/etc/ld.so.conf /etc/ld.so.conf.d/*.conf && sudo ldconfig")


def test_fires_on_torchs_words_where_nothing_else_is_known() -> None:
    said = Message(key="torch-error-804", text="Error 804: forward compatibility was attempted on non supported HW")
    [finding] = judge(compat_conflict, Messages(messages=(said,)), NVML).findings
    assert finding.title.startswith("cuda-compat and driver 550.54.15 do not go together: Error 804")
    assert finding.confidence == "likely"


def test_silent_where_forward_compatibility_works() -> None:
    assert judge(compat_conflict, cuda(0, device_count=1), LIBRARIES, NVML).findings == ()


def test_804_alone_is_forward_compatibility_wherever_the_library_lies() -> None:
    [finding] = judge(compat_conflict, cuda(804, "/opt/driver/libcuda.so.1"), NVML).findings
    assert finding.title.startswith("cuInit returns 804: /opt/driver/libcuda.so.1 needs forward compatibility on ")
    assert finding.confidence == "likely"


@pytest.mark.parametrize("code", [803, 804])
def test_silent_where_the_drivers_own_library_is_loaded(code: int) -> None:
    """An upgrade without a restart gives these codes too: driver.version-mismatch."""
    module = KernelModule(loaded=True, version="535.54.03")
    own = DriverLibraries(
        copies=(
            DriverLibrary(
                name="libcuda.so.1",
                path="/usr/lib/libcuda.so.1",
                real_path=DRIVERS.real_path,
                version="550.54.15",
                kind="driver",
                found_by="ld.so.cache",
                wins=True,
            ),
            COMPAT,
        )
    )
    assert judge(compat_conflict, cuda(code, DRIVERS.real_path), own, module).findings == ()
    said = Message(
        key="torch-error-803", text="Error 803: system has unsupported display driver / cuda driver combination"
    )
    assert judge(compat_conflict, cuda(code, DRIVERS.real_path), own, module, Messages(messages=(said,))).findings == ()


def test_silent_on_another_code() -> None:
    assert judge(compat_conflict, cuda(999), LIBRARIES, NVML).findings == ()


def test_skipped_where_cuinit_was_not_asked() -> None:
    assert judge(compat_conflict, LIBRARIES, NVML).result.status == "skipped"


def test_fires_on_a_cuda_above_the_drivers_own_where_cuda_fails() -> None:
    """nvidia-smi asks the libcuda that it finds: driver 470 has CUDA 11.4."""
    above = Nvml(init_code=0, driver_version="470.182.03", cuda_driver_version=11080)
    fails = TorchRuntime(cuda_available=False)
    [finding] = judge(compat_conflict, above, fails, Messages()).findings
    assert finding.title.startswith("nvidia-smi shows CUDA 11.8 over driver 470.182.03")
    assert judge(compat_conflict, above, Messages()).findings == (), "nothing fails"
    own = Nvml(init_code=0, driver_version="470.182.03", cuda_driver_version=11040)
    assert judge(compat_conflict, own, fails, Messages()).findings == ()


def test_fires_on_a_compat_folder_that_comes_first_in_a_report() -> None:
    said = Messages(messages=(Message(key="cuda-system-driver-mismatch", text="Error 803: system has unsupported …"),))
    [finding] = judge(compat_conflict, DriverLibraries(copies=(COMPAT,)), said).findings
    assert finding.title.startswith(f"{COMPAT.path} comes first on the loader's path, and CUDA fails: Error 80")


def test_error_803_in_a_report_without_a_container_is_an_upgrade() -> None:
    said = Messages(messages=(Message(key="cuda-system-driver-mismatch", text="Error 803: system has unsupported …"),))
    assert judge(compat_conflict, said).findings == ()
    assert len(judge(compat_conflict, said, Container(engine="docker")).findings) == 1
