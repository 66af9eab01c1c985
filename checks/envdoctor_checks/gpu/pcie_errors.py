"""gpu.pcie-errors"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, Severity, check
from envdoctor.diagnose.cards import card
from envdoctor.diagnose.measured import on_gpu, place
from envdoctor.facts import DeviceWork, KernelLog, Load, Nvml, PciBus, PciDevice, Work, pci_place

MANY_CORRECTED = 480
"""DCGM's limit for corrected errors of the bus in a run of its diagnostics; here it is since boot, and a note."""
MANY_REPLAYS = 80
"""DCGM's limit for replays in a run of its diagnostics (max_pcie_replays): so it holds for our own work. Since the driver was loaded: a note."""


@check("gpu.pcie-errors", fields=("pci_bus.devices|kernel_log.aer|nvml.gpus|work.devices",), explains=("compute.slow",))
def pcie_errors(
    pci_bus: PciBus | None, kernel_log: KernelLog | None, nvml: Nvml | None, work: Work | None
) -> Iterator[Finding]:
    """The GPU's PCIe link has errors since boot.

    What it means:
    The bus checks every packet. What was corrected was sent again and costs time only; a few since boot are normal. An uncorrectable error
    means that data were lost: a fatal one takes the link down, and the card falls off the bus (driver.gpu-lost) with it.

    How to confirm it by hand:
    `sudo dmesg | grep -i 'PCIe Bus Error'`; `grep . /sys/bus/pci/devices/ADDRESS/aer_dev_*`; `nvidia-smi -q | grep -i replay`.

    Ways out:
    Seat the card, its riser and its cables anew, and look at its power plugs. Then firmware: of the board, of a PCIe switch. Many
    corrected errors at a full-speed link go away one generation lower (the firmware's setting of the slot): a weak riser or retimer.

    Often mistaken for:
    A slow data loader; or the card, where the slot or the riser is at fault: swap two cards and see what the errors follow.
    """
    for worked in on_gpu(work) if work is not None else ():
        if worked.load is not None and (worked.load.pcie_replays or 0) >= MANY_REPLAYS:
            yield _under_load(worked, worked.load)
    for device in _devices(pci_bus, kernel_log, nvml):
        yield from _of_device(device, kernel_log, nvml)


def _devices(bus: PciBus | None, log: KernelLog | None, nvml: Nvml | None) -> list[PciDevice]:
    """The GPUs of the bus and of NVML; where neither was seen, those of which the driver writes in the log."""
    found = {pci_place(device.address): device for device in (bus.nvidia_gpus if bus is not None else ())}
    addresses = [gpu.pci_bus_id for gpu in (nvml.gpus if nvml is not None else ())]
    if not found and nvml is None and log is not None:
        addresses = [event.pci for event in log.aer if "nvidia" in event.text or "NVRM" in event.text]
    for at in filter(None, map(pci_place, addresses)):
        found.setdefault(at, PciDevice(address=f"{at}.0", vendor="10de", device="", device_class="0302"))
    return list(found.values())


def _under_load(device: DeviceWork, load: Load) -> Finding:
    return Finding(
        title=f"{place(device)}: {load.pcie_replays} packets were sent again over its PCIe link while it worked",
        severity="warning",
        detail="They were made good, and cost time: copies are slower than the link.",
        evidence=(load.says("pcie_replays"),),
        fix=(
            Fix("Seat the card and its riser anew; then see whether they still grow", "nvidia-smi -q | grep -i replay"),
        ),
        gpu=device.gpu,
    )


def _of_device(device: PciDevice, log: KernelLog | None, nvml: Nvml | None) -> Iterator[Finding]:
    gpu = nvml.gpu_at(device.address) if nvml is not None else None
    # The port above the card reports the errors of what it receives.
    ports = (device.address, *(device.upstream or ())[:1])
    events = [event for event in (log.aer if log is not None else ()) if event.pci in ports]
    replays = (gpu.pcie_replays if gpu is not None else None) or 0
    worst = _worst(device, Counter(event.severity for event in events), replays)
    if worst is None:
        return
    severity, what = worst
    yield Finding(
        title=f"{card(gpu, device.address)}: {what}",
        severity=severity,
        detail="Data on the bus were lost." if severity == "warning" else "They were made good, and cost time only.",
        evidence=(
            *((log.says("aer", event.text) for event in events[-2:]) if log is not None else ()),
            *(device.says(name) for name in ("aer_fatal", "aer_nonfatal", "aer_corrected") if getattr(device, name)),
            *((gpu.says("pcie_replays"),) if gpu is not None and replays else ()),
        ),
        fix=(
            Fix(
                "Seat the card, its riser and its power plugs anew; then watch whether more come",
                f"grep . /sys/bus/pci/devices/{device.address}/aer_dev_*",
            ),
        ),
        gpu=gpu.index if gpu is not None else None,
    )


def _worst(device: PciDevice, logged: Counter[str], replays: int) -> tuple[Severity, str] | None:
    """What the log and the device's own counters tell, the worst of it; None: nothing worth a word."""
    fatal = max(logged["fatal"], device.aer_fatal or 0)
    nonfatal = max(logged["nonfatal"], device.aer_nonfatal or 0)
    corrected = max(logged["corrected"], device.aer_corrected or 0)
    if fatal:
        return "warning", f"{fatal} fatal error{'s' * (fatal > 1)} of its PCIe link since boot"
    if nonfatal:
        return "warning", f"{nonfatal} uncorrectable error{'s' * (nonfatal > 1)} of its PCIe link since boot"
    if corrected >= MANY_CORRECTED:
        return "info", f"{corrected} corrected errors of its PCIe link since boot"
    if replays >= MANY_REPLAYS:
        return "info", f"{replays} packets were sent again over its PCIe link"
    return None
