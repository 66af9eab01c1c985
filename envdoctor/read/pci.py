"""lspci, with and without -k and -nn, and lsmod: what is on the bus, and which driver has it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from envdoctor.facts import KernelModule, PciBus, PciDevice
from envdoctor.read.lines import Line
from envdoctor.read.notebook import Notebook

DEVICE = re.compile(
    r"^\s*(?P<address>(?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])\s+(?P<kind>[A-Z][\w /-]{3,50}?)(?:\s*\[(?P<class>[0-9a-f]{4})\])?:\s*(?P<name>.+)$"
)
IDS = re.compile(r"\[(?P<vendor>[0-9a-f]{4}):(?P<device>[0-9a-f]{4})\]")
DRIVER = re.compile(r"^\s*Kernel driver in use:\s*(?P<driver>\S+)")
CLASSES = {"VGA compatible controller": "0300", "3D controller": "0302", "Display controller": "0380", "Bridge": "0680"}
VENDORS = {"NVIDIA": "10de", "Intel": "8086", "Advanced Micro Devices": "1002", "AMD": "1002"}
WHOLE = 8
"""Lines from which on a listing is taken for the whole bus: fewer may be what a grep left."""
ASKED = re.compile(r"\blspci\b.*\bgrep\b.*nvidia", re.IGNORECASE)
ASKED_MODULES = re.compile(r"\blsmod\b.*\bgrep\b.*nvidia", re.IGNORECASE)
PROMPT = re.compile(r"^\s*(?:[$#%]|(?:\(\S+\)\s*)?\S+@\S+[:~]\S*[$#]|>>>)")
MODULE = re.compile(
    r"^(?P<name>nvidia|nvidia_uvm|nvidia_drm|nvidia_modeset|nouveau|nvidia_peermem|nova_core)\s+\d{4,}\s+\d+(?:\s|$)"
)


def read_pci(lines: Sequence[Line], notes: Notebook) -> None:
    """Note display and NVIDIA devices with their drivers, and the modules that lsmod shows."""
    devices: list[dict[str, Any]] = []
    listed, first, asked = 0, 0, False
    asked_modules = False
    current: dict[str, Any] | None = None
    for number, text in lines:
        found = DEVICE.match(text)
        if found is not None:
            listed, first = listed + 1, first or number
            current = _device(found)
            devices += [current] if current is not None else []
        driver = DRIVER.match(text)
        if driver is not None and current is not None:
            current["driver"] = driver["driver"]
        if asked and PROMPT.match(text):
            listed, first = max(listed, WHOLE), first or number  # grep printed nothing: none of NVIDIA's is there
        if asked_modules and PROMPT.match(text):
            notes.saw("lsmod", number - 1)
            notes.note(KernelModule, "loaded", False, number - 1, keep=True)
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
    seen = any(device["vendor"] == "10de" for device in devices)
    if seen or listed >= WHOLE:
        notes.saw("lspci", first)
        rows = tuple(PciDevice(**device) for device in devices)
        notes.note(PciBus, "devices", rows, first)
        notes.note(PciBus, "device_count", listed, first)


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
