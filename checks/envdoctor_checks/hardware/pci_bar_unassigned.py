"""hardware.pci-bar-unassigned"""

from __future__ import annotations

import re
from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import cuda_works
from envdoctor.facts import CudaDriver, KernelLog, PciBus, Reading, TorchRuntime

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
OURS = re.compile(r"\bpci (?P<pci>[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]): \[10de:")
WINDOW = re.compile(
    r"\bpci (?P<pci>[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]): (?P<which>BAR [0-5]|bridge window)\b(?:: | )"
    r"(?:\[mem (?:size 0x(?P<size>[0-9a-f]+))?[^\]]*\]: ?)?(?P<end>no space|failed to assign|can't assign|assigned)"
)
"""How the kernel fares with a memory window (drivers/pci/setup-res.c and setup-bus.c; the order of the words changed in 6.9)."""
LARGE = 0x8000_0000
"""Bytes. A bridge asks for so large a window only for an accelerator behind it."""


@check("hardware.pci-bar-unassigned", fields=("pci_bus.devices|kernel_log.lines",), explains=ECHOES)
def pci_bar_unassigned(
    pci_bus: PciBus | None,
    kernel_log: KernelLog | None,
    cuda_driver: CudaDriver | None,
    torch_runtime: TorchRuntime | None,
    reading: Reading | None,
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
    lines = lines or tuple(_no_room(kernel_log, pci_bus, of_text=reading is not None))
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


def _no_room(log: KernelLog | None, bus: PciBus | None, *, of_text: bool) -> Iterator[str]:
    """The lines in which the kernel found no room for a window of a GPU of NVIDIA's, unless it found some later. What is behind a bridge
    a report may leave out: there its size tells."""
    texts = log.lines if log is not None else ()
    ours = {device.address for device in (bus.nvidia_gpus if bus is not None else ())}
    ours |= {found["pci"] for text in texts if (found := OURS.search(text)) is not None}
    left: dict[tuple[str, str], str] = {}
    for text in texts:
        found = WINDOW.search(text)
        if found is None:
            continue
        large = found["which"] == "bridge window" and int(found["size"] or "0", 16) >= LARGE
        if found["end"] == "assigned":
            left.pop((found["pci"], found["which"]), None)
        elif found["pci"] in ours or (of_text and large):
            left[found["pci"], found["which"]] = text
    yield from left.values()
