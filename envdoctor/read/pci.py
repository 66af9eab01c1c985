"""lspci, with and without -k and -nn, and lsmod: what is on the bus, and which driver has it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from envdoctor.facts import KernelModule, Nvml, PciBus, PciDevice, System, TorchRuntime
from envdoctor.read.lines import Line
from envdoctor.read.notebook import Notebook

DEVICE = re.compile(
    r"^\s*(?P<address>(?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])\s+(?P<kind>[A-Z3][\w /-]{3,50}?)(?:\s*\[(?P<class>[0-9a-f]{4})\])?:\s*(?P<name>.+)$"
)
IDS = re.compile(r"\[(?P<vendor>[0-9a-f]{4}):(?P<device>[0-9a-f]{4})\]")
DRIVER = re.compile(r"^\s*Kernel driver in use:\s*(?P<driver>\S+)")
CLASSES = {"VGA compatible controller": "0300", "3D controller": "0302", "Display controller": "0380", "Bridge": "0680"}
VENDORS = {"NVIDIA": "10de", "Intel": "8086", "Advanced Micro Devices": "1002", "AMD": "1002"}
WHOLE = 8
"""Lines from which on a listing is taken for the whole bus: fewer may be what a grep left."""
WHOLE_OF_VM = 4
"""The same of a virtual machine: its bus is short."""
VIRTUAL = re.compile(r"\b(?P<kind>QEMU|Virtio|VMware|VirtualBox|Hyper-V|Xen|Amazon\.com)\b", re.IGNORECASE)
HYPERVISORS = {
    "qemu": "kvm",
    "virtio": "kvm",
    "vmware": "vmware",
    "virtualbox": "oracle",
    "hyper-v": "microsoft",
    "xen": "xen",
}
LSHW = re.compile(
    r"^\s*(?:(?P<begin>\*-display(?::\d+)?(?: \w+)?)|(?P<key>product|vendor|bus info|configuration): (?P<value>.+))\s*$"
)
INXI = re.compile(r"\bDevice-\d+: NVIDIA (?P<name>.+?)\s+(?:vendor: .+? )?driver: (?P<driver>\S+)")
ASKED = re.compile(r"\blspci\b.*\bgrep\b.*nvidia", re.IGNORECASE)
ASKED_MODULES = re.compile(r"\blsmod\b.*\bgrep\b.*nvidia", re.IGNORECASE)
EMPTY = re.compile(
    r"(?i)^\W*(?:the )?(?:result|output)s? (?:is|was) empty|^\W*\(?(?:no|empty) (?:output|result)|"
    r"^\W*(?:shows?|prints?|returns?|gives) nothing|^\W*(?:nothing|empty)\W*$"
)
"""What people write in place of no output."""
PROMPT = re.compile(r"^\s*(?:[$#%]|(?:\(\S+\)\s*)?\S+@\S+[:~]\S*[$#]|>>>)")
MODULE = re.compile(
    r"^(?P<name>nvidia|nvidia_uvm|nvidia_drm|nvidia_modeset|nouveau|nvidia_peermem|nova_core)\s+\d{4,}\s+\d+(?:\s|$)"
)
NONE_LISTED = re.compile(
    r"(?i)\b(?P<what>lspci|lsmod)\b[^|]{0,12}\|\s*e?grep [^|]{0,30}nvidia[`'\"]*(?: (?:command|output|result))?"
    r"\s*(?:and )?(?:it )?(?:\(|->|=>|:|,|is|shows|returns|gives|prints|outputs|=)?\s*"
    r"(?:absolutely )?(?:nothing|empty|no output|no results?)\b"
)
"""A question and its answer in one line: ``lspci | grep -i nvidia shows nothing``."""
REGION = re.compile(r"^\s*Region [0-5]: Memory at <(?:unassigned|ignored)>")
DETECT = re.compile(r"\bsystemd-detect-virt\b|\bvirt-what\b")
DETECTED = re.compile(r"^\s*(?P<kind>none|kvm|qemu|vmware|microsoft|oracle|xen|amazon|parallels|bhyve)\s*$")
VIRTUAL_DISPLAY = re.compile(
    r"VMware SVGA|VirtualBox Graphics|InnoTek|\bQXL\b|Virtio (?:\d\.\d )?GPU|Cirrus Logic GD 5446|Hyper-V virtual VGA|bochs|QEMU (?:VGA|Standard)|"
    r"Amazon\.com, Inc\. Device 1111",
    re.IGNORECASE,
)
"""The display of a virtual machine that was given no other. One with a GPU mostly lists it beside."""
NO_DRIVER = re.compile(
    r"(?i)communicate with the NVIDIA driver|nvidia-smi[' ]?:? (?:command )?not found|Found no NVIDIA driver|No CUDA GPUs are available|"
    r"no CUDA-capable device|No devices were found"
)


def read_pci(lines: Sequence[Line], notes: Notebook) -> None:
    """Note display and NVIDIA devices with their drivers, and the modules that lsmod shows."""
    devices: list[dict[str, Any]] = []
    listed, first, asked = 0, 0, False
    asked_modules = False
    hypervisor: str | None = None
    current: dict[str, Any] | None = None
    alone = detect = False
    detected = 0
    for number, text in lines:
        told = DETECTED.match(text) if detect else None
        hypervisor = told["kind"].replace("qemu", "kvm") if told is not None and told["kind"] != "none" else hypervisor
        detected = number if told is not None else detected
        detect = DETECT.search(text) is not None
        found = DEVICE.match(text)
        alone = alone or VIRTUAL_DISPLAY.search(text) is not None
        if current is not None and REGION.match(text) and current["vendor"] == "10de":
            current["bar_unassigned"] = True
        if found is not None:
            listed, first = listed + 1, first or number
            current = _device(found)
            virtual = VIRTUAL.search(text)
            hypervisor = HYPERVISORS.get(virtual["kind"].lower(), "kvm") if virtual is not None else hypervisor
            devices += [current] if current is not None else []
        driver = DRIVER.match(text)
        if driver is not None and current is not None:
            current["driver"] = driver["driver"]
        if asked and (PROMPT.match(text) or EMPTY.match(text)):
            listed, first = max(listed, WHOLE), first or number  # grep printed nothing: none of NVIDIA's is there
        if asked_modules and PROMPT.match(text):
            notes.saw("lsmod", number - 1)
            notes.note(KernelModule, "loaded", False, number - 1, keep=True)
        told_none = NONE_LISTED.search(text) if "nothing" in text or "empty" in text or "no " in text else None
        if told_none is not None and told_none["what"] == "lspci":
            listed, first = max(listed, WHOLE), first or number
        elif told_none is not None:
            notes.note(KernelModule, "loaded", False, number, keep=True)
        asked_modules = bool(ASKED_MODULES.search(text)) and PROMPT.match(text) is not None
        asked = bool(ASKED.search(text)) and PROMPT.match(text) is not None
        module = MODULE.match(text)
        if module is not None:
            notes.saw("lsmod", number)
            field = {"nvidia": "loaded", "nvidia_uvm": "uvm_loaded", "nouveau": "nouveau_loaded"}.get(module["name"])
            if field is not None:
                notes.note(KernelModule, field, True, number)
    if notes.get(KernelModule, "nouveau_loaded"):
        notes.note(KernelModule, "loaded", False, notes.kinds["lsmod"], keep=True)
    devices += _displays(lines)
    first = first or (notes.kinds.setdefault("lshw", 1) if devices else 0)
    seen = any(device["vendor"] == "10de" for device in devices)
    others = _only_others(lines) if not seen and not alone and listed < WHOLE else 0
    if others and hypervisor is None and notes.get(Nvml, "gpus") is None and _finds_none(lines, notes):
        listed, first = WHOLE, first or others
    if alone and not seen and listed < WHOLE_OF_VM and notes.get(Nvml, "gpus") is None and _finds_none(lines, notes):
        hypervisor, listed = hypervisor or "unknown-vm", max(listed, WHOLE_OF_VM)
        first = first or 1
    if hypervisor is not None:
        notes.note(System, "hypervisor", hypervisor, first or detected, keep=True)
    if seen or listed >= (WHOLE if hypervisor is None else WHOLE_OF_VM):
        notes.saw("lspci", first)
        rows = tuple(PciDevice(**device) for device in devices)
        notes.note(PciBus, "devices", rows, first)
        notes.note(PciBus, "device_count", listed, first)


def _only_others(lines: Sequence[Line]) -> int:
    """The line of a whole list of displays, lshw's or inxi's, in which none is of NVIDIA's or AMD's; 0: there is none."""
    first, graphics = 0, False
    for number, text in lines:
        graphics = text.lstrip().startswith("Graphics:") or (graphics and "Device-" in text)
        if text.lstrip().startswith("*-display") or (graphics and "Device-1:" in text):
            first = first or number
        if "NVIDIA" in text.partition("product:")[2] + text.partition("vendor:")[2] + text.partition("Device-")[2]:
            return 0
        if "Advanced Micro" in text or "AMD" in text:
            return 0
    return first


def _finds_none(lines: Sequence[Line], notes: Notebook) -> bool:
    """Whether a program says that it finds no driver or no GPU."""
    available = notes.get(TorchRuntime, "cuda_available")
    if available is None:
        return any(NO_DRIVER.search(line.text) for line in lines)
    return available is False


def _displays(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """NVIDIA's display devices as lshw and inxi show them, which is less than lspci does."""
    devices: list[dict[str, Any]] = []
    current: dict[str, str] = {}
    for _, text in [*lines, Line(0, "*-display")]:
        inxi = INXI.search(text) if "Device-" in text else None
        if inxi is not None:
            devices.append(_named(inxi["name"], "?", "" if inxi["driver"] == "N/A" else inxi["driver"]))
        row = LSHW.match(text) if "*-display" in text or ": " in text else None
        if row is None:
            continue
        if row["begin"] is None:
            current[row["key"]] = row["value"]
            continue
        driver = re.search(r"\bdriver=(\S+)", current.get("configuration", ""))
        if "NVIDIA" in current.get("vendor", "") and "bus info" in current:
            address = current["bus info"].partition("@")[2]
            devices.append(_named(current.get("product", "?"), address, driver[1] if driver is not None else None))
        current = {}
    return devices


def _named(product: str, address: str, driver: str | None) -> dict[str, Any]:
    name = re.search(r"\[([^\]]+)\]", product)
    device = {"address": address, "vendor": "10de", "device": "?", "device_class": "0300", "driver": driver}
    return {**device, "name": name[1] if name is not None else None}


def _device(found: re.Match[str]) -> dict[str, Any] | None:
    name = found["name"]
    ids = IDS.search(name)
    vendor = ids["vendor"] if ids is not None else next((v for word, v in VENDORS.items() if word in name), None)
    kind = found["class"] or CLASSES.get(found["kind"])
    if vendor is None or kind is None:
        return None
    address = found["address"] if found["address"].count(":") == 2 else f"0000:{found['address']}"
    product = re.search(r"\[((?:GeForce|Quadro|Tesla|RTX|GTX|TITAN|A\d|H\d|L\d|T\d)[^\]]*)\]", name)
    return {
        "address": address,
        "vendor": vendor,
        "device": ids["device"] if ids is not None else "?",
        "device_class": kind,
        "name": product[1] if product is not None else None,
    }
