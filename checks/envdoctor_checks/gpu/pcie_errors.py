"""gpu.pcie-errors"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, Severity, check
from envdoctor.diagnose.cards import card
from envdoctor.diagnose.measured import on_gpu, place
from envdoctor.facts import DeviceWork, Evidence, KernelLog, Load, Nvml, PciBus, PciDevice, Work

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
    devices = pci_bus.nvidia_gpus if pci_bus is not None else ()
    seen: set[str] = set()
    for device in devices:
        seen.add(device.address)
        yield from _of_device(device, kernel_log, nvml)
    for gpu in nvml.gpus if nvml is not None else ():
        address = (gpu.pci_bus_id or "").lower()[-12:]
        if address not in seen:
            yield from _of_device(
                PciDevice(address=address, vendor="10de", device="", device_class="0302"), kernel_log, nvml
            )
    if not devices and nvml is None and kernel_log is not None:
        for address in sorted({event.pci for event in kernel_log.aer}):
            bare = PciDevice(address=address, vendor="10de", device="", device_class="0302")
            if any("nvidia" in event.text or "NVRM" in event.text for event in kernel_log.aer if event.pci == address):
                yield from _of_device(bare, kernel_log, None)


def _under_load(device: DeviceWork, load: Load) -> Finding:
    return Finding(
        title=f"{place(device)}: {load.pcie_replays} packets were sent again over its PCIe link while it worked",
        severity="warning",
        detail="They were made good, and cost time: copies are slower than the link.",
        evidence=(load.says("pcie_replays"),),
        fix=(Fix("Seat the card and its riser anew", "nvidia-smi -q | grep -i replay"),),
        gpu=device.gpu,
    )


def _of_device(device: PciDevice, log: KernelLog | None, nvml: Nvml | None) -> Iterator[Finding]:
    gpu = nvml.gpu_at(device.address) if nvml is not None else None
    mine = (
        device.address,
        *(device.upstream or ())[:1],
    )  # the port above the card reports the errors of what it receives
    events = [event for event in (log.aer if log is not None else ()) if event.pci in mine]
    logged = Counter(event.severity for event in events)
    fatal = max(logged["fatal"], device.aer_fatal or 0)
    nonfatal = max(logged["nonfatal"], device.aer_nonfatal or 0)
    corrected = max(logged["corrected"], device.aer_corrected or 0)
    replays = (gpu.pcie_replays if gpu is not None else None) or 0
    where = card(gpu, device.address)
    severity: Severity = "warning"
    if fatal:
        title = f"{where}: {fatal} fatal error{'s' * (fatal > 1)} of its PCIe link since boot"
    elif nonfatal:
        title = f"{where}: {nonfatal} uncorrectable error{'s' * (nonfatal > 1)} of its PCIe link since boot"
    elif corrected >= MANY_CORRECTED:
        severity, title = "info", f"{where}: {corrected} corrected errors of its PCIe link since boot"
    elif replays >= MANY_REPLAYS:
        severity, title = "info", f"{where}: {replays} packets were sent again over its PCIe link"
    else:
        return
    shown: tuple[Evidence, ...] = tuple(log.says("aer", event.text) for event in events[-2:]) if log is not None else ()
    yield Finding(
        title=title,
        severity=severity,
        detail="Data on the bus were lost." if severity == "warning" else "They were made good, and cost time only.",
        evidence=(
            *shown,
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
