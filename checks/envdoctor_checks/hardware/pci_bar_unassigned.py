"""hardware.pci-bar-unassigned"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import cuda_works
from envdoctor.facts import CudaDriver, KernelLog, PciBus, TorchRuntime

ECHOES = (
    "driver.gpu-not-supported",
    "driver.gpu-lost",
    "driver.module-not-loaded",
    "driver.device-nodes-missing",
    "cuda.init-failed",
)
LINES = (
    "BAR0 is 0M",
    "BAR1 is 0M",
    "BAR2 is 0M",
    "BAR3 is 0M",
    "This PCI I/O region assigned to your NVIDIA device is invalid",
)


@check("hardware.pci-bar-unassigned", fields=("pci_bus.devices|kernel_log.lines",), explains=ECHOES)
def pci_bar_unassigned(
    pci_bus: PciBus | None,
    kernel_log: KernelLog | None,
    cuda_driver: CudaDriver | None,
    torch_runtime: TorchRuntime | None,
) -> Iterator[Finding]:
    """The firmware gave a memory window (BAR) of the GPU no address, so the driver cannot reach the card.

    What it means:
    A GPU needs windows of up to its whole memory in the address space. Firmware that does not map above 4 GiB, or a hypervisor with a
    small MMIO window, leaves one without an address, and the NVIDIA driver refuses the card.

    How to confirm it by hand:
    `sudo dmesg | grep -E 'NVRM|BAR'` shows "BAR… is 0M"; `lspci -vv -d 10de:` shows "Region …: Memory at <unassigned>".

    Ways out:
    Turn on "Above 4G decoding" (and, where there is one, "Resizable BAR") in the firmware, and update it. In a virtual machine enlarge the
    guest's MMIO window. `pci=realloc` on the kernel's command line lets Linux assign the windows itself.

    Often mistaken for:
    A broken card, or a driver that does not support it: `nvidia-smi` only says "No devices were found".
    """
    if cuda_works(cuda_driver, torch_runtime):
        return
    lines = kernel_log.matching(*LINES) if kernel_log is not None else ()
    devices = [device for device in (pci_bus.nvidia_gpus if pci_bus else ()) if device.bar_unassigned]
    if not lines and not devices:
        return
    where = (
        f"GPU at {devices[0].address}: a memory BAR has no address"
        if devices
        else f"The kernel log says: {lines[-1].strip()}"
    )
    yield Finding(
        title=where,
        detail="The driver cannot reach the card. The address windows are assigned by the firmware, or by the hypervisor.",
        evidence=(
            *(device.says("bar_unassigned", "a memory BAR without an address") for device in devices),
            *(kernel_log.says("lines", line) for line in lines[-3:] if kernel_log is not None),
        ),
        fix=(
            Fix(
                "Turn on 'Above 4G decoding' in the firmware (in a virtual machine: a larger MMIO window), then restart"
            ),
            Fix(
                "Or let the kernel assign the windows: add pci=realloc to its command line",
                "sudo update-grub && sudo reboot",
            ),
        ),
    )
