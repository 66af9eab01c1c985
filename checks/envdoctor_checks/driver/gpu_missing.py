"""driver.gpu-missing"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import in_container, nvml_works, on_wsl
from envdoctor.facts import Container, DeviceNodes, KernelLog, KernelModule, Nvml, PciBus, System, pci_place


@check(
    "driver.gpu-missing",
    fields=("nvml.device_count", "pci_bus.devices|kernel_module.proc_gpus"),
    explains=("hardware.fewer-gpus", "cuda.fewer-devices", "cuda.init-failed"),
)
def gpu_missing(
    nvml: Nvml,
    pci_bus: PciBus | None,
    device_nodes: DeviceNodes | None,
    kernel_module: KernelModule | None,
    kernel_log: KernelLog | None,
    container: Container | None,
    system: System | None,
) -> Iterator[Finding]:
    """A GPU is on the PCI bus and bound to the NVIDIA driver, and the driver does not count it.

    What it means:
    The driver took the card and could not set it up: power, a BAR without an address, firmware (GSP) that does not start, a card that this
    branch does not know, or one that hung before. The others work, so nothing looks wrong until a job asks for all of them.

    How to confirm it by hand:
    Compare `lspci -d 10de:`, `ls /proc/driver/nvidia/gpus` and `nvidia-smi -L`; `sudo dmesg | grep NVRM` says why (RmInitAdapter failed …).

    Ways out:
    Read the kernel's line first. Take the machine's power away and start it again; seat the card and its power plugs anew; swap it with
    another to see whether the fault goes with the card or stays in the slot.

    Often mistaken for:
    A GPU that a job scheduler or a container keeps from this process: then its device node may not be opened, and nothing is told here.
    One that an administrator took out himself (`nvidia-smi drain -q`, NVreg_ExcludedGpus).
    """
    if not nvml_works(nvml) or in_container(container) or on_wsl(system):
        return
    devices = pci_bus.nvidia_gpus if pci_bus is not None else ()
    bound = [device.address for device in devices if device.driver == "nvidia" and not device.is_virtual_function]
    bound = bound or list((kernel_module.proc_gpus or ()) if kernel_module is not None else ())
    counted = nvml.device_count or 0
    openable = [node for node in (device_nodes.gpu_nodes if device_nodes is not None else ()) if node.openable]
    if len(bound) <= counted or len(openable) <= counted:
        return  # every card that we may open is counted
    seen = {pci_place(gpu.pci_bus_id) for gpu in nvml.gpus}
    if any(gpu.error and not gpu.pci_bus_id for gpu in nvml.gpus):
        return  # driver.gpu-lost names it
    missing = [address for address in bound if pci_place(address) not in seen]
    where = ", ".join(missing[:3])
    lines = kernel_log.matching("RmInitAdapter", *missing) if kernel_log is not None else ()
    yield Finding(
        title=f"{len(bound)} GPUs are bound to the driver, NVML counts {counted}: {where} is missing",
        severity="error" if not counted else "warning",
        detail="The driver took the card, and could not set it up.",
        evidence=(
            *((pci_bus.says("devices", f"bound to nvidia: {', '.join(bound[:8])}"),) if pci_bus is not None else ()),
            nvml.says("device_count"),
            *((kernel_module.says("proc_gpus"),) if kernel_module is not None and kernel_module.proc_gpus else ()),
            *(kernel_log.says("lines", line) for line in lines[-2:] if kernel_log is not None),
        ),
        fix=(
            Fix("Read why the driver could not set it up", "sudo dmesg | grep NVRM"),
            Fix("Take the power away from the machine, and start it again", "sudo poweroff"),
        ),
    )
