"""lshw -C display and inxi -G: the display devices of a machine, which is less than lspci shows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from envdoctor.read.lines import Line

LSHW = re.compile(
    r"^\s*(?:(?P<begin>\*-display(?::\d+)?(?: \w+)?)|(?P<key>product|vendor|bus info|configuration): (?P<value>.+))\s*$"
)
INXI = re.compile(r"\bDevice-\d+: NVIDIA (?P<name>.+?)\s+(?:vendor: .+? )?driver: (?P<driver>\S+)")


def nvidia_displays(lines: Sequence[Line]) -> list[dict[str, Any]]:
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


def only_others(lines: Sequence[Line]) -> int:
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
