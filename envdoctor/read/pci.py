"""lspci, with and without -k and -nn: what is on the bus, and which driver has it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from envdoctor.facts import Nvml, PciBus, PciDevice, System, TorchRuntime
from envdoctor.read.displays import nvidia_displays, only_others
from envdoctor.read.lines import PROMPT, Line
from envdoctor.read.modules import none_listed
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
ASKED = re.compile(r"\blspci\b.*\bgrep\b.*nvidia", re.IGNORECASE)
DISPLAYS = re.compile(r"\blspci\b.*\bgrep\b.*\b(?:3d|display)\b", re.IGNORECASE)
"""With it every display is listed, NVIDIA's among them."""
EMPTY = re.compile(
    r"(?i)^\W*(?:the )?(?:result|output)s? (?:is|was) empty|^\W*\(?(?:no|empty) (?:output|result)|"
    r"^\W*(?:shows?|prints?|returns?|gives) nothing|^\W*(?:nothing|empty)\W*$"
)
"""What people write in place of no output."""
REGION = re.compile(r"^\s*Region [0-5]: Memory at <(?:unassigned|ignored)>")
DETECT = re.compile(r"\bsystemd-detect-virt\b|\bvirt-what\b")
DETECTED = re.compile(r"^\s*(?P<kind>none|kvm|qemu|vmware|microsoft|oracle|xen|amazon|parallels|bhyve)\s*$")
VIRTUAL_DISPLAY = re.compile(
    r"VMware SVGA|VirtualBox Graphics|InnoTek|\bQXL\b|Virtio (?:\d\.\d )?GPU|Cirrus Logic GD 5446|Hyper-V virtual VGA|bochs|QEMU (?:VGA|Standard)|"
    r"Amazon\.com, Inc\. Device 1111",
    re.IGNORECASE,
)
"""The display of a virtual machine that was given no other. One with a GPU mostly lists it beside."""
DISPLAY_WORDS = ("product:", "vendor:", "Device-", "VGA")
NO_DRIVER = re.compile(
    r"(?i)communicate with the NVIDIA driver|nvidia-smi[' ]?:? (?:command )?not found|Found no NVIDIA driver|No CUDA GPUs are available|"
    r"no CUDA-capable device|No devices were found"
)


def read_pci(lines: Sequence[Line], notes: Notebook) -> None:
    """Note display and NVIDIA devices with their drivers."""
    devices: list[dict[str, Any]] = []
    listed, first, asked = 0, 0, False
    hypervisor: str | None = None
    current: dict[str, Any] | None = None
    alone = detect = shown = False
    detected = 0
    for number, text in lines:
        told = DETECTED.match(text) if detect else None
        hypervisor = told["kind"].replace("qemu", "kvm") if told is not None and told["kind"] != "none" else hypervisor
        detected = number if told is not None else detected
        detect = "virt" in text and DETECT.search(text) is not None
        found = DEVICE.match(text) if ": " in text else None
        display = found is not None or any(word in text for word in DISPLAY_WORDS)
        alone = alone or (display and VIRTUAL_DISPLAY.search(text) is not None)
        if current is not None and REGION.match(text) and current["vendor"] == "10de":
            current["bar_unassigned"] = True
        if found is not None:
            listed, first = listed + 1, first or number
            current = _device(found)
            virtual = VIRTUAL.search(text)
            hypervisor = HYPERVISORS.get(virtual["kind"].lower(), "kvm") if virtual is not None else hypervisor
            devices += [current] if current is not None else []
        driver = DRIVER.match(text) if "Kernel driver" in text else None
        if driver is not None and current is not None:
            current["driver"] = driver["driver"]
        if asked and (PROMPT.match(text) or EMPTY.match(text)):
            listed, first = max(listed, WHOLE), first or number  # grep printed nothing: none of NVIDIA's is there
        if none_listed("lspci", text):
            listed, first = max(listed, WHOLE), first or number
        shown = shown or ("lspci" in text and DISPLAYS.search(text) is not None)
        asked = "lspci" in text and ASKED.search(text) is not None and PROMPT.match(text) is not None
    devices += nvidia_displays(lines)
    first = first or (notes.kinds.setdefault("lshw", 1) if devices else 0)
    seen = any(device["vendor"] == "10de" for device in devices)
    if (
        seen
        and listed < WHOLE
        and not any(d["device_class"].startswith("03") for d in devices if d["vendor"] == "10de")
    ):
        return  # bridges of NVLink, picked out of a list
    if shown and devices and not seen:
        listed = max(listed, WHOLE)
    others = only_others(lines) if not seen and not alone and listed < WHOLE else 0
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


def _finds_none(lines: Sequence[Line], notes: Notebook) -> bool:
    """Whether a program says that it finds no driver or no GPU."""
    available = notes.get(TorchRuntime, "cuda_available")
    if available is None:
        return any(NO_DRIVER.search(line.text) for line in lines)
    return available is False


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
