"""driver.nouveau-loaded"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.driver_remedy import install_driver
from envdoctor.diagnose.predicates import cuda_works, gpus_on_bus, libcuda_on_path
from envdoctor.facts import CudaDriver, DriverLibraries, KernelModule, Messages, PciBus, System, TorchRuntime

ECHOES = (
    "driver.not-installed",
    "driver.module-not-loaded",
    "driver.device-nodes-missing",
    "driver.gpu-not-supported",
    "container.gpu-not-passed",
    "cuda.init-failed",
)
BLACKLIST = (
    "printf 'blacklist nouveau\\noptions nouveau modeset=0\\n' | sudo tee /etc/modprobe.d/blacklist-nouveau.conf"
    " && {initramfs} && sudo reboot"
)
INITRAMFS = {"debian": "sudo update-initramfs -u", "ubuntu": "sudo update-initramfs -u", "arch": "sudo mkinitcpio -P"}
SAID = ("kernel-probe-not-called", "kernel-bound-to-nova")


@check(
    "driver.nouveau-loaded", fields=("pci_bus.devices|kernel_module.nouveau_loaded|messages.messages",), explains=ECHOES
)
def nouveau_loaded(
    pci_bus: PciBus | None,
    kernel_module: KernelModule | None,
    driver_libraries: DriverLibraries | None,
    cuda_driver: CudaDriver | None,
    torch_runtime: TorchRuntime | None,
    messages: Messages | None,
    system: System | None,
) -> Iterator[Finding]:
    """The free driver nouveau holds the GPU; it cannot run CUDA.

    What it means:
    A PCI device belongs to one kernel driver. While nouveau (or nova) has the card, NVIDIA's own module cannot take it.

    How to confirm it by hand:
    `lspci -k -d 10de:` shows "Kernel driver in use: nouveau".

    Ways out:
    Install NVIDIA's driver (distribution packages blacklist nouveau themselves), or blacklist nouveau, rebuild the initramfs and restart.

    Often mistaken for:
    A driver that is not installed: it may well be, and be kept from the card.
    """
    held = [gpu for gpu in gpus_on_bus(pci_bus) if gpu.driver in ("nouveau", "nova_core", "nova")]
    loaded = kernel_module is not None and kernel_module.nouveau_loaded is True and kernel_module.loaded is False
    said = next((m for key in SAID if messages is not None and (m := messages.has(key)) is not None), None)
    if not (held or loaded or said is not None) or cuda_works(cuda_driver, torch_runtime):
        return
    if any(gpu.driver == "nvidia" for gpu in gpus_on_bus(pci_bus)):
        return
    missing = libcuda_on_path(driver_libraries, cuda_driver) is False
    state = "NVIDIA's driver is not installed" if missing else "NVIDIA's module is not loaded"
    what = f"{held[0].driver} holds the GPU at {held[0].address}" if held else "Kernel module nouveau is loaded"
    family = system.distribution if system is not None else None
    initramfs = INITRAMFS.get(family or "", "sudo dracut --force")
    blacklist = Fix("Keep nouveau from loading, and restart", BLACKLIST.format(initramfs=initramfs))
    yield Finding(
        title=f"{what}; {state}",
        detail="nouveau cannot run CUDA, and while it has the card NVIDIA's module cannot take it.",
        evidence=(
            *(gpu.says("driver") for gpu in held),
            *(
                (kernel_module.says("nouveau_loaded", "nouveau is loaded"),)
                if loaded and kernel_module is not None
                else ()
            ),
            *((messages.says("messages", said.text),) if messages is not None and said is not None else ()),
        ),
        fix=(install_driver(system), blacklist) if missing else (blacklist,),
    )
