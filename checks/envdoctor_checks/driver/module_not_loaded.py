"""driver.module-not-loaded"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import (
    cuda_works,
    driver_hangs,
    gpus_on_bus,
    in_container,
    libcuda_on_path,
    module_answers,
    on_jetson,
    on_wsl,
)
from envdoctor.diagnose.remedy import load_module
from envdoctor.facts import (
    Container,
    CudaDriver,
    DriverLibraries,
    KernelLog,
    KernelModule,
    Messages,
    Nvml,
    PciBus,
    ProbeDeaths,
    System,
    TorchRuntime,
)

NVML_DRIVER_NOT_LOADED = 9
ECHOES = (
    "driver.device-nodes-missing",
    "cuda.init-failed",
    "cuda.driver-too-old",
    "driver.gpu-not-supported",
    "torch.wrong-vendor-build",
)
REFUSED = ("Key was rejected", "Required key not available", "Loading of unsigned module", "Lockdown: modprobe")
SAID = ("nvidia-smi-cannot-communicate", "container-driver-not-loaded", "tensorflow-kernel-driver-not-running", "modprobe-key-rejected",
        "modprobe-key-not-available", "modprobe-module-nvidia", "modprobe-no-module-nvidia")  # fmt: skip


@check("driver.module-not-loaded", fields=("nvml.init_code|kernel_module.loaded|messages.messages",), explains=ECHOES)
def module_not_loaded(
    nvml: Nvml | None,
    kernel_module: KernelModule | None,
    driver_libraries: DriverLibraries | None,
    cuda_driver: CudaDriver | None,
    torch_runtime: TorchRuntime | None,
    kernel_log: KernelLog | None,
    messages: Messages | None,
    pci_bus: PciBus | None,
    container: Container | None,
    system: System | None,
    probe_deaths: ProbeDeaths | None,
) -> Iterator[Finding]:
    """The driver's libraries are installed, and its kernel module is not loaded.

    What it means:
    libcuda and libnvidia-ml talk to the kernel module nvidia. It is missing after a kernel update that DKMS did not follow, when Secure
    Boot refused its signature, or when something else (nouveau, vfio) holds the card.

    How to confirm it by hand:
    `nvidia-smi` says that it "couldn't communicate with the NVIDIA driver"; `lsmod | grep ^nvidia` prints nothing; `sudo modprobe nvidia`
    says why.

    Ways out:
    Load the module; if there is none for the running kernel, build it (`sudo dkms autoinstall`, with the kernel's headers installed) or
    boot the kernel that has one; with Secure Boot, enrol the key that signs it (`sudo mokutil --import`).

    Often mistaken for:
    A driver that is not installed, or of the wrong version. Reinstalling torch or CUDA changes nothing.
    """
    code = nvml.init_code if nvml is not None else None
    said = next((m for key in SAID if messages is not None and (m := messages.has(key)) is not None), None)
    gpus = gpus_on_bus(pci_bus)
    # Where somebody talks to a module, /proc and /sys are only not ours to see (gVisor, a container without them).
    seen_to_run = (
        module_answers(nvml, cuda_driver) or driver_hangs(probe_deaths) or any(gpu.driver == "nvidia" for gpu in gpus)
    )
    absent = kernel_module is not None and kernel_module.loaded is False and not seen_to_run
    library = driver_libraries.winner("libcuda.so.1") if driver_libraries is not None else None
    installed = libcuda_on_path(driver_libraries, cuda_driver) is True and not (library and library.kind == "stub")
    installed = installed or bool(nvml is not None and nvml.library_version)
    settled = code == NVML_DRIVER_NOT_LOADED or (absent and installed and bool(gpus))
    if not (settled or said is not None) or cuda_works(cuda_driver, torch_runtime):
        return
    if (
        (kernel_module is not None and (kernel_module.loaded or kernel_module.nouveau_loaded))
        or on_wsl(system)
        or on_jetson(system)
    ):
        return
    if in_container(container) and code != NVML_DRIVER_NOT_LOADED and said is None:
        return
    why, fix = _why(kernel_module, kernel_log, system, in_container(container))
    version = f" {library.version}" if library is not None and library.version else ""
    yield Finding(
        title=f"Driver library{version} is installed; kernel module nvidia is not loaded{why}"[:100],
        detail="The libraries have no kernel module to talk to, so no program sees the GPU.",
        evidence=(
            *((nvml.says("init_code"),) if nvml is not None and code is not None else ()),
            *((kernel_module.says("loaded"),) if kernel_module is not None else ()),
            *((messages.says("messages", said.text),) if messages is not None and said is not None else ()),
            *((kernel_log.says("lines", line) for line in kernel_log.matching(*REFUSED)[-2:]) if kernel_log else ()),
        ),
        fix=fix,
    )


def _why(
    module: KernelModule | None, log: KernelLog | None, system: System | None, inside: bool
) -> tuple[str, tuple[Fix, ...]]:
    """What keeps it from being loaded, as the end of a title, and the way out."""
    load = load_module(system)
    if inside:
        return "", (Fix("Load the module on the host, outside this container", "sudo modprobe nvidia"),)
    if log is not None and log.matching(*REFUSED):
        sign = Fix(
            "Enrol the key that signs the module, restart, and confirm it at the prompt",
            "sudo mokutil --import /var/lib/shim-signed/mok/MOK.der",
        )
        return " (Secure Boot refused it)", (sign, Fix("Or turn Secure Boot off in the firmware"))
    kernel = system.kernel if system is not None else None
    if module is not None and module.installed_file == "" and module.installed_kernels is not None and kernel:
        others = f", there is one for {module.installed_kernels[-1]}" if module.installed_kernels else ""
        build = Fix(
            "Build it for the running kernel",
            f"sudo apt install linux-headers-{kernel} && sudo dkms autoinstall && sudo modprobe nvidia",
        )
        return f": none for kernel {kernel}{others}", (build,)
    return "", (load,)
