"""gpu.pcie-degraded"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.measured import on_gpu, place
from envdoctor.facts import Load, Nvml, NvmlGpu, PciBus, Work, pci_place


@check("gpu.pcie-degraded", fields=("work.devices|nvml.gpus",), explains=("compute.slow",))
def pcie_degraded(work: Work | None, nvml: Nvml | None, pci_bus: PciBus | None) -> Iterator[Finding]:
    """The GPU's PCIe link is narrower or slower than card and slot allow.

    What it means:
    A link trains at fewer lanes or a lower generation where a contact, a riser or the firmware's setting is at fault. Copies between host and
    GPU slow down in proportion. The generation is read while copies run: an idle card lowers it to save power.

    How to confirm it by hand:
    `nvidia-smi -q | grep -A8 "GPU Link Info"` while copies run; `sudo lspci -vv -s ADDRESS | grep LnkSta`.

    Ways out:
    Seat the card anew, look at the riser and the slot's lanes in the board's manual, set the generation in the firmware to automatic.

    Often mistaken for:
    A slow data loader, or pageable memory. A slot that has fewer lanes than the card is no fault, and is not told.
    """
    judged = {device.gpu for device in on_gpu(work) if device.load is not None} if work is not None else set()
    for gpu in nvml.gpus if nvml is not None else ():
        # The width never changes by itself; the generation does, on an idle card, and is judged during copies only.
        possible = _with_slot(gpu.pcie_width_max, gpu.pci_bus_id, pci_bus)
        if gpu.index not in judged and _below(gpu.pcie_width, possible):
            yield Finding(
                title=f"GPU {gpu.index}: PCIe link x{gpu.pcie_width} of x{possible}",
                severity="warning",
                evidence=(gpu.says("pcie_width"), gpu.says("pcie_width_max")),
                fix=_fix(gpu),
                gpu=gpu.index,
            )
    for device in on_gpu(work) if work is not None else ():
        load = device.load
        if load is None:
            continue
        gpu_there = nvml.gpu(device.gpu) if nvml is not None else None
        address = gpu_there.pci_bus_id if gpu_there is not None else None
        narrow = _below(load.link_width, _with_slot(load.link_width_max, address, pci_bus))
        slow = _below(load.link_generation, load.link_generation_max)
        if not narrow and not slow:
            continue
        rate = device.rate("h2d-pinned")
        reached = f"; {rate.value:.3g} GB/s to the device" if rate is not None else ""
        yield Finding(
            title=f"{place(device)}: PCIe {_link(load)} during copies{reached}",
            severity="warning",
            evidence=(load.says("link_width"), load.says("link_width_max"), load.says("link_generation")),
            fix=_fix(gpu_there),
            gpu=device.gpu,
        )


def _fix(gpu: NvmlGpu | None) -> tuple[Fix, ...]:
    place = pci_place(gpu.pci_bus_id) if gpu is not None else None
    which = f"-s {place}" if place else "-d 10de:"
    return (
        Fix("See what the link was trained to", f"sudo lspci -vv {which} | grep -E 'LnkCap:|LnkSta:'"),
        Fix("Seat the card and its riser anew"),
    )


def _with_slot(highest: int | None, address: str | None, pci_bus: PciBus | None) -> int | None:
    """The most that card and slot can do: laptops and boards with few lanes wire half of what the card has."""
    place = pci_place(address)
    for device in pci_bus.nvidia_gpus if pci_bus is not None else ():
        if place is not None and pci_place(device.address) == place and device.slot_width_max and highest is not None:
            return min(highest, device.slot_width_max)
    return highest


def _below(value: int | None, highest: int | None) -> bool:
    return value is not None and highest is not None and 0 < value < highest


def _link(load: Load) -> str:
    return (
        f"generation {load.link_generation or '?'} x{load.link_width or '?'} of "
        f"generation {load.link_generation_max or '?'} x{load.link_width_max or '?'}"
    )
