"""hardware.no-gpu"""

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

ECHOES = (
    "driver.*",
    "container.gpu-not-passed",
    "cuda.init-failed",
    "cuda.driver-too-old",
    "env.visible-devices",
    "vm.*",
)


@check("hardware.no-gpu", fields=("pci_bus.device_count",), explains=ECHOES)
def no_gpu(
    pci_bus: PciBus,
    system: System | None,
    nvml: Nvml | None,
    cuda_driver: CudaDriver | None,
    torch_install: TorchInstall | None,
    torch_runtime: TorchRuntime | None,
    probe_deaths: ProbeDeaths | None,
) -> Iterator[Finding]:
    """No NVIDIA GPU (or other GPU that this torch could use) is in the machine.

    What it means:
    The PCI bus could be read and lists no display device of NVIDIA's, nor one that the installed torch was built for. No driver and no
    other torch can change that.

    How to confirm it by hand:
    `lspci -nn | grep -Ei '10de|vga|3d|display'` shows every display device.

    Ways out:
    Run on a machine that has a GPU. If one is fitted: power the machine off, reseat the card and its power cables, and look whether
    the firmware lists it. To use the processor on purpose, say so: `envdoctor check --expect cpu`.

    Often mistaken for:
    A missing driver: without a driver the card is still on the bus. A container: it sees the host's bus, so a GPU that was merely not
    passed in is still listed. WSL and Jetson boards have their GPU elsewhere and are not judged by the bus.
    """
    virtual = system is not None and system.hypervisor not in (None, "none")
    if virtual or on_wsl(system) or on_jetson(system) or cuda_works(cuda_driver, torch_runtime):
        return
    if (
        gpu_seen(pci_bus, nvml, cuda_driver) is not False
        or other_gpu_serves(pci_bus, torch_install)
        or driver_hangs(probe_deaths)
    ):
        return
    read = pci_bus.source("device_count").startswith("report")  # which may show a part of the list
    among = "" if read else f" among the {pci_bus.device_count} devices"
    yield Finding(
        title=f"No NVIDIA GPU{among} on the PCI bus{other_displays(pci_bus)}",
        detail="No software can help: the GPU is not in this machine, or its firmware does not see it.",
        evidence=(
            pci_bus.says("device_count"),
            Evidence(pci_bus.source("devices"), other_displays(pci_bus).strip(" ()") or "no display device"),
            *((system.says("hypervisor"),) if system is not None else ()),
        ),
        fix=(
            Fix(
                "Run on a machine with a GPU, or look whether a fitted card shows up on the bus",
                "lspci -nn | grep -i 10de:",
            ),
            Fix("If this machine is meant to use its processor, say so", "envdoctor check --expect cpu"),
        ),
    )
