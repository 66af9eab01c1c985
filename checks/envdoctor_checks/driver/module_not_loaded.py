"""driver.module-not-loaded"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.driver_remedy import build_module, load_module
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
from envdoctor.facts import (
    Container,
    CudaDriver,
    DriverLibraries,
    KernelLog,
    KernelModule,
    Messages,
    Nvml,
    PciBus,
    PciDevice,
    ProbeDeaths,
    System,
    TorchRuntime,
)

NVML_DRIVER_NOT_LOADED = 9
ECHOES = (
    "driver.device-nodes-missing",
    "cuda.init-failed",
    "cuda.driver-too-old",
    "torch.wrong-vendor-build",
)
KEPT_FOR_GUESTS = ("vfio", "pci-stub", "xen-pciback")
"""Drivers that only hold a device until a virtual machine takes it."""
DKMS_KEY = "/var/lib/dkms/mok.pub"
KEYS = {"ubuntu": "/var/lib/shim-signed/mok/MOK.der", "fedora": "/etc/pki/akmods/certs/public_key.der"}
"""The key that a distribution signs with the modules it builds; elsewhere DKMS makes its own (dkms.8, "MODULE SIGNING")."""
REFUSED = (
    "Key was rejected",
    "Required key not available",
    "Loading of unsigned module",
    "Loading of module with un",
    "Lockdown: modprobe",
)
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
    # Of a report that shows no libraries, DKMS tells that the driver was installed.
    installed = installed or bool(driver_libraries is None and kernel_module is not None and kernel_module.dkms)
    settled = code == NVML_DRIVER_NOT_LOADED or (
        (absent or _unbuilt(kernel_module, system)) and installed and bool(gpus)
    )
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
    version = f" {library.version}" if library is not None and library.version else ""
    why, fix = _why(kernel_module, kernel_log, system, gpus, in_container(container))
    title = f"{why}; its libraries are{version or ' installed'}"
    if not why:
        title = f"Driver library{version} is installed; kernel module nvidia is not loaded"
    yield Finding(
        title=title,
        detail="The libraries have no kernel module to talk to, so no program sees the GPU.",
        evidence=(
            *((nvml.says("init_code"),) if nvml is not None and code is not None else ()),
            *(
                (kernel_module.says("dkms", _built(kernel_module)),)
                if kernel_module is not None and _unbuilt(kernel_module, system)
                else ()
            ),
            *((kernel_module.says("loaded", "no nvidia module"),) if absent and kernel_module is not None else ()),
            *((messages.says("messages", said.text),) if messages is not None and said is not None else ()),
            *((kernel_log.says("lines", line) for line in kernel_log.matching(*REFUSED)[-2:]) if kernel_log else ()),
        ),
        fix=fix,
    )


def _unbuilt(module: KernelModule | None, system: System | None) -> bool:
    """Whether DKMS has modules for other kernels than the one that runs; nobody need say that none is loaded then."""
    kernels = {entry.kernel for entry in (module.dkms or () if module is not None else ()) if entry.kernel}
    return (
        bool(kernels)
        and module is not None
        and module.loaded is None
        and system is not None
        and bool(system.kernel)
        and system.kernel not in kernels
    )


def _built(module: KernelModule) -> str:
    return ", ".join(f"{entry.version} for {entry.kernel}" for entry in module.dkms or () if entry.kernel)


def _why(
    module: KernelModule | None,
    log: KernelLog | None,
    system: System | None,
    gpus: Sequence[PciDevice],
    inside: bool,
) -> tuple[str, tuple[Fix, ...]]:
    """What keeps the module from being loaded, where that is known, and the way out."""
    if inside:
        return "", (Fix("Load the module on the host, outside this container", "sudo modprobe nvidia"),)
    if log is not None and log.matching(*REFUSED):
        off = Fix("Or turn Secure Boot off in the firmware")
        return "Secure Boot refused kernel module nvidia", (_enrol(system), off)
    held = next((gpu for gpu in gpus if (gpu.driver or "").startswith(KEPT_FOR_GUESTS)), None)
    if held is not None:
        return f"{held.driver} keeps the GPU at {held.address} from kernel module nvidia", (_release(held),)
    kernel = system.kernel if system is not None else None
    if module is not None and kernel and _unbuilt(module, system):
        built = next(entry for entry in reversed(module.dkms or ()) if entry.kernel)
        return f"Kernel {kernel} has no nvidia module (DKMS built {built.version} for {built.kernel})", (
            build_module(system, kernel),
        )
    if module is not None and module.installed_file == "" and module.installed_kernels is not None and kernel:
        others = f" ({module.installed_kernels[-1]} has one)" if module.installed_kernels else ""
        back = (Fix("Or restart with the kernel that has one", "sudo reboot"),) if others else ()
        return f"Kernel {kernel} has no nvidia module{others}", (build_module(system, kernel), *back)
    if system is not None and system.secure_boot:
        return "", (load_module(system), _enrol(system, "If that is refused (Secure Boot is on), enrol"))
    return "", (load_module(system),)


def _enrol(system: System | None, enrol: str = "Enrol") -> Fix:
    names = (system.distribution or "", *system.distribution_like) if system is not None else ()
    key = next((KEYS[name] for name in names if name in KEYS), DKMS_KEY)
    return Fix(
        f"{enrol} the key that signs the module, restart, and confirm it at the prompt", f"sudo mokutil --import {key}"
    )


def _release(gpu: PciDevice) -> Fix:
    place = f"/sys/bus/pci/devices/{gpu.address}"
    command = f"echo {gpu.address} | sudo tee {place}/driver/unbind && echo | sudo tee {place}/driver_override && sudo modprobe nvidia"
    return Fix(f"If this machine is to use it itself, take it from {gpu.driver}", command)
