"""vm.no-passthrough"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import (
    cuda_works,
    driver_hangs,
    gpu_seen,
    on_jetson,
    on_wsl,
    other_displays,
    other_gpu_serves,
)
from envdoctor.facts import CudaDriver, Evidence, Nvml, PciBus, ProbeDeaths, System, TorchInstall, TorchRuntime

ECHOES = ("driver.*", "container.gpu-not-passed", "cuda.init-failed", "cuda.driver-too-old", "env.visible-devices")


@check("vm.no-passthrough", fields=("pci_bus.device_count", "system.hypervisor"), explains=ECHOES)
def no_passthrough(
    pci_bus: PciBus,
    system: System,
    nvml: Nvml | None,
    cuda_driver: CudaDriver | None,
    torch_install: TorchInstall | None,
    torch_runtime: TorchRuntime | None,
    probe_deaths: ProbeDeaths | None,
) -> Iterator[Finding]:
    """This is a virtual machine, and no GPU was given to it.

    What it means:
    The processor says that it runs under a hypervisor, and the virtual PCI bus has no GPU on it. Whatever GPU the host has, this guest
    was started without it (or is of an instance type without one).

    How to confirm it by hand:
    `systemd-detect-virt` names the hypervisor, `lspci -nn | grep -i 10de:` lists what it passes on.

    Ways out:
    In a cloud, take an instance type with a GPU. On your own host, pass the PCI device through (VFIO) or assign a vGPU or MIG slice
    to the guest, then start it again. To use the processor on purpose: `envdoctor check --expect cpu`.

    Often mistaken for:
    A missing driver in the guest: with passthrough but no driver the GPU is on the bus. WSL: there the GPU is no PCI device.
    """
    if system.hypervisor == "none" or on_wsl(system) or on_jetson(system) or cuda_works(cuda_driver, torch_runtime):
        return
    if (
        gpu_seen(pci_bus, nvml, cuda_driver) is not False
        or other_gpu_serves(pci_bus, torch_install)
        or driver_hangs(probe_deaths)
    ):
        return
    name = "VM" if system.hypervisor == "unknown-vm" else f"{system.hypervisor} VM"
    yield Finding(
        title=f"No NVIDIA GPU among the {pci_bus.device_count} PCI devices of this {name}",
        detail="Nothing inside the guest can help: the GPU must be given to it from outside.",
        evidence=(
            system.says("hypervisor"),
            pci_bus.says("device_count"),
            Evidence(pci_bus.source("devices"), other_displays(pci_bus).strip(" ()") or "no display device"),
        ),
        fix=(
            Fix("Start the machine with a GPU: a GPU instance type, PCI passthrough, or a vGPU profile"),
            Fix("If this machine is meant to use its processor, say so", "envdoctor check --expect cpu"),
        ),
    )
