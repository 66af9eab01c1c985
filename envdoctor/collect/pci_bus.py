"""Display devices and NVIDIA devices on the PCI bus, from sysfs: no tool needed."""

from __future__ import annotations

import os
import re

import msgspec

from envdoctor.collect.api import collector
from envdoctor.collect.host import CannotLook, Host
from envdoctor.collect.pci_path import acs_redirects, way_up
from envdoctor.facts import PciBus, PciDevice

ROOT = "/sys/bus/pci/devices"
IORESOURCE_MEM = 0x200
"""The flag that makes a line of `resource` a memory BAR (include/linux/ioport.h)."""
IORESOURCE_UNSET = 0x20000000
"""The flag of a BAR that the kernel could give no address."""


@collector
def pci_bus(host: Host) -> PciBus:
    """Every display controller, whoever made it, and every NVIDIA device."""
    try:
        addresses = host.list(ROOT)
    except FileNotFoundError as error:
        raise CannotLook("absent", f"there is no {ROOT}: the PCI bus cannot be seen from here") from error
    devices = tuple(device for address in addresses if (device := _device(host, address)) is not None)
    if sum(device.is_nvidia_gpu for device in devices) > 1:  # ACS matters to traffic between GPUs only
        devices = tuple(_with_acs(host, device) for device in devices)
    return PciBus(devices=devices, device_count=len(addresses))


def _with_acs(host: Host, device: PciDevice) -> PciDevice:
    if not device.is_nvidia_gpu or device.upstream is None:
        return device
    return msgspec.structs.replace(device, acs_redirects=acs_redirects(host, ROOT, device.upstream))


def _device(host: Host, address: str) -> PciDevice | None:
    """One device; None where it is neither a display nor NVIDIA's."""
    path = f"{ROOT}/{address}"
    vendor, kind = _hex(host, f"{path}/vendor"), _hex(host, f"{path}/class")
    if vendor is None or kind is None or not (vendor == "10de" or kind.startswith("03")):
        return None
    device = _hex(host, f"{path}/device") or "?"
    return PciDevice(
        address=address,
        vendor=vendor,
        device=device,
        device_class=kind[:4],
        name=_name(device) if vendor == "10de" else None,
        driver=_link(host, f"{path}/driver"),
        bar_unassigned=_bar_unassigned(host, path),
        link_width=_number(host, f"{path}/current_link_width"),
        link_width_max=_number(host, f"{path}/max_link_width"),
        link_speed_gts=_speed(host, f"{path}/current_link_speed"),
        link_speed_max_gts=_speed(host, f"{path}/max_link_speed"),
        numa_node=_number(host, f"{path}/numa_node"),
        revision=_hex(host, f"{path}/revision"),
        is_virtual_function=bool(_link(host, f"{path}/physfn")),
        **(way_up(host, path) if vendor == "10de" else {}),
        slot_width_max=_slot_width(host, path),
        sources={"driver": f"{path}/driver", "aer_fatal": f"{path}/aer_dev_fatal", "iommu": f"{path}/iommu_group/type"},
    )


def _slot_width(host: Host, path: str) -> int | None:
    """What the port above is wired for: sysfs shows a device inside the folder of the bridge it hangs on."""
    try:
        above = os.path.dirname(host.resolve(path))
    except OSError:
        return None
    return _number(host, f"{above}/max_link_width")


def _name(device: str) -> str | None:
    from envdoctor.knowledge.gpus import gpu_name_by_pci

    return gpu_name_by_pci(device)


def _text(host: Host, path: str) -> str | None:
    try:
        return host.read(path).strip()
    except OSError:
        return None


def _hex(host: Host, path: str) -> str | None:
    """The digits of ``0x10de``, or of the class ``0x030000``."""
    text = _text(host, path)
    return text.removeprefix("0x").lower() if text else None


def _number(host: Host, path: str) -> int | None:
    """A whole number; None for what is none (a link that is down says ``Unknown`` or 255)."""
    text = _text(host, path)
    return int(text) if text is not None and re.fullmatch(r"-?\d+", text) and text != "255" else None


def _speed(host: Host, path: str) -> float | None:
    """``16.0 GT/s PCIe`` as 16.0."""
    match = re.match(r"(\d+(?:\.\d+)?) GT/s", _text(host, path) or "")
    return float(match[1]) if match else None


def _link(host: Host, path: str) -> str | None:
    """The name that a link points to; empty: there is no such link; None: that could not be told."""
    try:
        name = os.path.basename(host.resolve(path))  # what it points to need not be there for us to see
    except OSError:
        return None
    return "" if name == os.path.basename(path) else name


def _bar_unassigned(host: Host, path: str) -> bool | None:
    """Whether a memory BAR (the first six lines of `resource`: start, end, flags) has no address."""
    text = _text(host, f"{path}/resource")
    if text is None:
        return None
    for line in text.splitlines()[:6]:
        fields = line.split()
        if len(fields) != 3 or not all(re.fullmatch(r"(?:0x)?[0-9a-fA-F]+", field) for field in fields):
            return None
        start, end, flags = (int(field, 16) for field in fields)
        if flags & IORESOURCE_MEM and (flags & IORESOURCE_UNSET or (start == 0 and end > 0)):
            return True
    return False
