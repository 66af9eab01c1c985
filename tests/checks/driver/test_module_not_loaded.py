from __future__ import annotations

import msgspec
import pytest

from envdoctor.diagnose.testing import judge
from envdoctor.facts import (
    CudaDriver,
    DkmsModule,
    DriverLibraries,
    Fact,
    KernelLog,
    KernelModule,
    Message,
    Messages,
    Nvml,
    PciBus,
    ProbeDeath,
    ProbeDeaths,
    System,
)
from envdoctor_checks.driver.module_not_loaded import module_not_loaded
from healthy import (
    BUS,
    BUS_UNBOUND,
    CUDA,
    CUDA_FAILS,
    DOCKER,
    EMPTY_BUS,
    LIBRARIES,
    MODULE,
    NO_MODULE,
    NVML,
    OUTSIDE,
    UBUNTU,
    UNBOUND,
    library,
)

NOT_LOADED = Nvml(init_code=9)


def test_fires_on_nvml_9() -> None:
    [finding] = judge(module_not_loaded, NOT_LOADED, NO_MODULE, LIBRARIES, CUDA_FAILS, UBUNTU, OUTSIDE).findings
    assert finding.title == "Driver library 595.45.04 is installed; kernel module nvidia is not loaded"
    assert finding.fix[0].command == "sudo modprobe -a nvidia nvidia_uvm"


def test_fires_on_nvml_9_alone_as_a_report_gives_it() -> None:
    [finding] = judge(module_not_loaded, NOT_LOADED).findings
    assert finding.title == "Driver library is installed; kernel module nvidia is not loaded"


def test_fires_without_nvml() -> None:
    assert len(judge(module_not_loaded, NO_MODULE, LIBRARIES, CUDA_FAILS, BUS_UNBOUND, OUTSIDE).findings) == 1


def test_names_secure_boot() -> None:
    log = KernelLog(lines=("[   10.1] Loading of module with unavailable key is rejected",))
    [finding] = judge(module_not_loaded, NOT_LOADED, NO_MODULE, LIBRARIES, log).findings
    assert finding.title == "Secure Boot refused kernel module nvidia; its libraries are 595.45.04"
    assert "mokutil" in (finding.fix[0].command or "")


def test_names_the_kernel_that_has_no_module() -> None:
    module = KernelModule(
        loaded=False, nouveau_loaded=False, installed_file="", installed_kernels=("6.8.0-51-generic",)
    )
    [finding] = judge(module_not_loaded, NOT_LOADED, module, UBUNTU, LIBRARIES).findings
    assert (
        finding.title
        == "Kernel 6.8.0-60-generic has no nvidia module (6.8.0-51-generic has one); its libraries are 595.45.04"
    )
    assert "linux-headers-6.8.0-60-generic" in (finding.fix[0].command or "")


def test_builds_it_with_the_package_manager_of_the_distribution() -> None:
    module = KernelModule(loaded=False, nouveau_loaded=False, installed_file="", installed_kernels=())
    rocky = msgspec.structs.replace(UBUNTU, distribution="rocky", distribution_like=("rhel",), kernel="5.14.0-1.el9")
    [finding] = judge(module_not_loaded, NOT_LOADED, module, rocky).findings
    command = "sudo dnf install kernel-devel-5.14.0-1.el9 && sudo dkms autoinstall && sudo modprobe nvidia"
    assert finding.fix[0].command == command


def test_a_gpu_that_is_kept_for_a_virtual_machine() -> None:
    kept = PciBus(devices=(msgspec.structs.replace(UNBOUND, driver="vfio-pci"),), device_count=12)
    [finding] = judge(module_not_loaded, NOT_LOADED, NO_MODULE, LIBRARIES, kept).findings
    assert finding.title.startswith("vfio-pci keeps the GPU at 0000:01:00.0 from kernel module nvidia; ")
    assert "0000:01:00.0/driver/unbind" in (finding.fix[0].command or "")


def test_secure_boot_is_the_second_guess_where_the_log_is_not_readable() -> None:
    secure = msgspec.structs.replace(UBUNTU, secure_boot=True)
    [finding] = judge(module_not_loaded, NOT_LOADED, NO_MODULE, LIBRARIES, secure).findings
    commands = [fix.command for fix in finding.fix]
    assert commands == ["sudo modprobe -a nvidia nvidia_uvm", "sudo mokutil --import /var/lib/shim-signed/mok/MOK.der"]


def test_in_a_container_the_fix_is_on_the_host() -> None:
    [finding] = judge(module_not_loaded, NOT_LOADED, LIBRARIES, DOCKER).findings
    assert "host" in finding.fix[0].text


def test_fires_on_what_nvidia_smi_says() -> None:
    text = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."
    said = Messages(messages=(Message(key="nvidia-smi-cannot-communicate", text=text),))
    [finding] = judge(module_not_loaded, said).findings
    assert finding.evidence[0].value == text


def test_silent_on_a_healthy_machine_and_where_cuda_works() -> None:
    assert judge(module_not_loaded, NVML, MODULE, LIBRARIES, CUDA, BUS).findings == ()
    assert judge(module_not_loaded, NO_MODULE, LIBRARIES, CUDA, BUS).findings == ()


def test_silent_with_nouveau_or_without_a_gpu() -> None:
    nouveau = KernelModule(loaded=False, nouveau_loaded=True)
    assert judge(module_not_loaded, NOT_LOADED, nouveau, LIBRARIES).findings == ()
    assert judge(module_not_loaded, NO_MODULE, LIBRARIES, CUDA_FAILS, EMPTY_BUS).findings == ()


def test_silent_where_the_module_is_unknown() -> None:
    assert judge(module_not_loaded, KernelModule(), LIBRARIES, BUS).result.status == "skipped"


@pytest.mark.parametrize(
    "answer",
    [
        NVML,
        Nvml(init_code=18),
        CudaDriver(library="/usr/lib/libcuda.so.1", init_code=804),
        CudaDriver(library="/usr/lib/libcuda.so.1", init_code=100, unmasked_init_code=0),
        ProbeDeaths(
            deaths=(ProbeDeath(probe="cuda_driver", kind="timeout", detail="cuInit did not answer", stage="init"),)
        ),
        BUS,
    ],
)
def test_silent_where_the_module_answers_though_proc_does_not_show_it(answer: Fact) -> None:
    """gVisor, and containers without /proc and /sys of the host."""
    bus = () if answer is BUS else (BUS_UNBOUND,)
    assert judge(module_not_loaded, NO_MODULE, LIBRARIES, OUTSIDE, answer, *bus).findings == ()


def test_a_stub_is_no_installed_driver() -> None:
    stub = DriverLibraries(copies=(library(folder="/usr/local/cuda/lib64/stubs", kind="stub"),))
    assert judge(module_not_loaded, NO_MODULE, stub, BUS_UNBOUND, OUTSIDE).findings == ()


def test_of_a_report_in_which_dkms_has_modules_for_other_kernels() -> None:
    built = (DkmsModule(name="nvidia", version="525.85.12", kernel="5.15.0-1031-aws", state="installed"),)
    module = KernelModule(dkms=built)
    [finding] = judge(module_not_loaded, module, System(kernel="5.15.0-1049-aws"), BUS_UNBOUND, Messages()).findings
    assert finding.title.startswith(
        "Kernel 5.15.0-1049-aws has no nvidia module (DKMS built 525.85.12 for 5.15.0-1031-aws)"
    )
    assert judge(module_not_loaded, module, System(kernel="5.15.0-1031-aws"), BUS_UNBOUND, Messages()).findings == ()
