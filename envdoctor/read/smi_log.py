"""``nvidia-smi -q`` and ``nvidia-smi nvlink -s``: the card's own word on its health."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from envdoctor.read.lines import Line

ENTRY = re.compile(r"^\s*(?P<key>[A-Z][\w .()/-]{1,50}?)\s*:\s*(?P<value>\S.*?)\s*$")
SECTION = re.compile(r"^\s*(?P<name>[A-Z][\w .()/-]{2,50}?)\s*$")
GPU = re.compile(r"^GPU (?P<bus>[0-9A-Fa-f]{8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.\d)\s*$")
LINK_GPU = re.compile(r"^\s*GPU (?P<index>\d+): .*\(UUID")
LINK = re.compile(r"^\s*Link (?P<link>\d+): (?P<state><?inactive>?|[\d.]+ GB/s)")
REASONS = {
    "Idle": 0x1,
    "HW Slowdown": 0x8,
    "SW Thermal Slowdown": 0x20,
    "HW Thermal Slowdown": 0x40,
    "HW Power Brake Slowdown": 0x80,
    "HW Power Brake": 0x80,
}
FABRIC = {"N/A": 0, "Not Started": 1, "In Progress": 2, "Completed": 3}
BITS = ("Single Bit", "Double Bit")
"""What "Volatile" and "Aggregate" are divided into by drivers before 450."""
YES = {"Yes": True, "No": False}
ENABLED = {"Enabled": True, "Disabled": False}
ACTIONS = {"None": 0, "Reset": 1, "GPU Reset": 1, "Reboot": 2, "Node Reboot": 2, "Drain P2P": 3, "Drain and Reset": 4}
"""nvidia-smi's words for field 230."""
WORDS: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {
    ("Remapped Rows", "Pending"): ("remap_pending", YES),
    ("Remapped Rows", "Remapping Failure Occurred"): ("remap_failed", YES),
    ("Retired Pages", "Pending Page Blacklist"): ("retired_pending", YES),
    ("Aggregate", "SRAM Threshold Exceeded"): ("sram_threshold_exceeded", YES),
    ("ECC Mode", "Current"): ("ecc_enabled", ENABLED),
    ("ECC Mode", "Pending"): ("ecc_pending", ENABLED),
    ("MIG Mode", "Current"): ("mig_mode", {"Enabled": 1, "Disabled": 0}),
    ("MIG Mode", "Pending"): ("mig_mode_pending", {"Enabled": 1, "Disabled": 0}),
    ("Fabric", "State"): ("fabric_state", FABRIC),
    ("", "GPU Recovery Action"): ("recovery_action", ACTIONS),
    ("", "Compute Mode"): ("compute_mode", {"Default": 0, "Prohibited": 2, "Exclusive_Process": 3}),
}
"""What a line says in words, by its section (empty: wherever it stands) and key."""
DEGREES = {
    "GPU Current Temp": "temperature_celsius",
    "GPU Slowdown Temp": "temperature_slowdown_celsius",
    "GPU T.Limit Temp": "temperature_margin_celsius",
    "GPU Slowdown T.Limit Temp": "temperature_margin_slowdown_celsius",
    "Memory Current Temp": "memory_temperature_celsius",
    "Memory Max Operating Temp": "memory_temperature_max_celsius",
}
COUNTS = {
    ("Remapped Rows", "Correctable Error"): "remapped_correctable",
    ("Remapped Rows", "Uncorrectable Error"): "remapped_uncorrectable",
    ("Link Width", "Max"): "pcie_width_max",
    ("Link Width", "Current"): "pcie_width",
    ("PCI", "Replays Since Reset"): "pcie_replays",
}
LIMITS = {
    "Default Power Limit": "power_limit_default_watts",
    "Current Power Limit": "power_limit_watts",
    "Power Limit": "power_limit_watts",
}
"""In watts."""
CLOCKS = {
    "Applications Clocks": "application_clock_mhz",
    "Default Applications Clocks": "application_clock_default_mhz",
}


def read_log(lines: Sequence[Line]) -> dict[int, dict[str, Any]]:
    """Fields of `NvmlGpu` by index, of the GPUs in the order in which they stand."""
    gpus: dict[int, dict[str, Any]] = {}
    section, index, part = "", 0, ""
    started = False
    for _, text in lines:
        gpu, link_gpu, link = GPU.match(text), LINK_GPU.match(text), LINK.match(text)
        if gpu is not None:
            index, started = (index + 1 if started else 0), True
            gpus.setdefault(index, {})["pci_bus_id"] = gpu["bus"]
        elif link_gpu is not None:
            index = int(link_gpu["index"])
        elif link is not None:
            row = gpus.setdefault(index, {})
            row["nvlinks"] = (*row.get("nvlinks", ()), "inactive" not in link["state"])
        else:
            entry, head = ENTRY.match(text), SECTION.match(text)
            if entry is not None:
                _take(gpus.setdefault(index, {}), section, entry["key"], entry["value"])
            elif head is not None and head["name"] in BITS:
                part = section = f"{part.partition(' ')[0]} {head['name']}"
            elif head is not None:
                part = section = head["name"]
    return {index: row for index, row in gpus.items() if row}


def _take(row: dict[str, Any], section: str, key: str, value: str) -> None:
    number = re.match(r"(-?\d+)(?:x\b| C$| bank\(s\)$|$)", value)
    field, words = WORDS.get((section, key)) or WORDS.get(("", key)) or ("", {})
    if key in REASONS:
        row["clock_event_reasons"] = row.get("clock_event_reasons", 0) | (REASONS[key] if value == "Active" else 0)
    elif value in words:
        row[field] = words[value]
    elif key in LIMITS and (watts := re.match(r"(\d+\.\d+) W$", value)) is not None:
        row[LIMITS[key]] = float(watts[1])
    elif section in CLOCKS and key == "Graphics" and (clock := re.match(r"(\d+) MHz$", value)) is not None:
        row[CLOCKS[section]] = int(clock[1])
    elif number is None:
        return
    elif key in DEGREES:
        row[DEGREES[key]] = int(number[1])
    elif (section, key) in COUNTS:
        row[COUNTS[section, key]] = int(number[1])
    elif section == "Bank Remap Availability Histogram":
        row["remap_banks"] = (*row.get("remap_banks", ()), int(number[1]))
    elif section == "Volatile Double Bit" and key == "Total":
        row["ecc_uncorrected_volatile"] = int(number[1])
    elif section in ("Volatile", "Aggregate") and "Uncorrectable" in key:
        counted = f"ecc_uncorrected_{section.lower()}"
        row[counted] = row.get(counted, 0) + int(number[1])
