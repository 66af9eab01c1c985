"""driver.version-mismatch"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.driver_remedy import reboot
from envdoctor.diagnose.predicates import cuda_works, in_container, library_version
from envdoctor.facts import (
    Container,
    CudaDriver,
    DriverLibraries,
    KernelLog,
    KernelModule,
    Messages,
    Nvml,
    TorchRuntime,
)

NVML_LIB_RM_VERSION_MISMATCH = 18
CUDA_SYSTEM_DRIVER_MISMATCH = 803
CUDA_COMPAT_NOT_SUPPORTED = 804
ECHOES = (
    "cuda.init-failed",
    "driver.gpu-not-supported",
    "cuda.driver-too-old",
    "driver.module-not-loaded",
    "driver.hung",
    "cuda.upgraded-under-process",
)
SAID = (
    "nvml-version-mismatch",
    "kernel-api-mismatch",
    "nvml-rm-version-mismatch",
    "container-nvml-version-mismatch",
    "tensorflow-dso-version-mismatch",
    "nvml-any-version-mismatch",
)
RELOAD = "sudo rmmod nvidia_drm nvidia_modeset nvidia_uvm nvidia && sudo modprobe nvidia"


@check(
    "driver.version-mismatch",
    fields=("nvml.init_code|cuda_driver.init_code|kernel_module.version|messages.messages",),
    explains=ECHOES,
)
def version_mismatch(
    nvml: Nvml | None,
    cuda_driver: CudaDriver | None,
    kernel_module: KernelModule | None,
    driver_libraries: DriverLibraries | None,
    torch_runtime: TorchRuntime | None,
    container: Container | None,
    kernel_log: KernelLog | None,
    messages: Messages | None,
) -> Iterator[Finding]:
    """The loaded kernel module and the driver's libraries are of different versions.

    What it means:
    The driver was upgraded (often by unattended upgrades) and the old kernel module still runs. Its libraries refuse to work with a module
    of another version: NVML says 18, cuInit 803.

    How to confirm it by hand:
    Compare `cat /proc/driver/nvidia/version` (what runs) with `ls -l /usr/lib/*/libcuda.so.*` (what is installed). `nvidia-smi` says
    "Driver/library version mismatch".

    Ways out:
    Restart the machine; or, with nothing using the GPU, unload the modules and load the new ones. In a container, restart the container
    after the host was restarted. To stop it from happening again, hold the driver packages.

    Often mistaken for:
    A torch that is too new for the driver. A cuda-compat library in front gives 803 too, but that is cuda.compat-conflict.
    """
    if cuda_works(cuda_driver, torch_runtime) or _compat_in_front(driver_libraries, cuda_driver):
        return
    running = kernel_module.version if kernel_module is not None else None
    installed = library_version(driver_libraries, nvml)
    differ = running is not None and installed is not None and not _agree(running, installed)
    code = nvml.init_code if nvml is not None else None
    said = next((m for key in SAID if messages is not None and (m := messages.has(key)) is not None), None)
    refused = cuda_driver is not None and cuda_driver.init_code == CUDA_SYSTEM_DRIVER_MISMATCH
    # A libcuda newer than the running module is taken for an attempt at forward compatibility.
    forward = cuda_driver is not None and cuda_driver.init_code == CUDA_COMPAT_NOT_SUPPORTED
    by_code = refused and (running is None or _libcuda_version(driver_libraries) is None)
    asked = code is not None or (cuda_driver is not None and cuda_driver.init_code is not None)
    unwell = refused or forward or code not in (None, 0) or not asked
    if not (code == NVML_LIB_RM_VERSION_MISMATCH or said is not None or by_code or (differ and unwell)):
        return
    if differ:
        title = f"Kernel module {running}, libraries {installed}"
    elif refused and code != NVML_LIB_RM_VERSION_MISMATCH:
        title = f"cuInit returns 803: libcuda is of another version than the kernel module{f' {running}' if running else ''}"
    elif running is not None:
        title = f"Kernel module {running}; NVML says its library is of another version (18)"
    else:
        title = "NVML says that its library and the loaded kernel module differ in version (18)"
    yield Finding(
        title=title,
        detail="The driver was upgraded and the old kernel module still runs.",
        evidence=(
            *((kernel_module.says("version"),) if kernel_module is not None and running else ()),
            *((w.says("version"),) if driver_libraries and (w := driver_libraries.winner("libcuda.so.1")) else ()),
            *((nvml.says("init_code"),) if nvml is not None and code is not None else ()),
            *((nvml.says("library_version"),) if nvml is not None and nvml.library_version and differ else ()),
            *((cuda_driver.says("init_code"),) if cuda_driver is not None and (refused or forward) else ()),
            *((messages.says("messages", said.text),) if messages is not None and said is not None else ()),
            *(
                (kernel_log.says("lines", line) for line in kernel_log.matching("API mismatch")[-1:])
                if kernel_log
                else ()
            ),
        ),
        fix=_fix(in_container(container)),
    )


def _agree(running: str, installed: str) -> bool:
    """Whether two versions are one, as far as both are told: nvidia-smi leaves out the last part of its library's."""
    return f"{running}.".startswith(f"{installed}.") or f"{installed}.".startswith(f"{running}.")


def _libcuda_version(libraries: DriverLibraries | None) -> str | None:
    """The version of the libcuda that is loaded: NVML's library can be of the module's version while this one is not."""
    winner = libraries.winner("libcuda.so.1") if libraries is not None else None
    return winner.version if winner is not None else None


def _compat_in_front(libraries: DriverLibraries | None, cuda: CudaDriver | None) -> bool:
    winner = libraries.winner("libcuda.so.1") if libraries is not None else None
    mapped = cuda.library or "" if cuda is not None else ""
    return (winner is not None and winner.kind == "compat") or "/compat/" in mapped or "cuda-compat" in mapped


def _fix(inside: bool) -> tuple[Fix, ...]:
    if inside:
        return (
            Fix("Restart the host's driver (or the host), then start this container again", f"{RELOAD}  # on the host"),
        )
    return reboot(), Fix("Or, with nothing using the GPU, reload the modules", RELOAD)
