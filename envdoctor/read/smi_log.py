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
    "HW Slowdown": 0x8,
    "SW Thermal Slowdown": 0x20,
    "HW Thermal Slowdown": 0x40,
    "HW Power Brake Slowdown": 0x80,
    "HW Power Brake": 0x80,
}
FABRIC = {"N/A": 0, "Not Started": 1, "In Progress": 2, "Completed": 3}


def read_log(lines: Sequence[Line]) -> dict[int, dict[str, Any]]:
    """Fields of `NvmlGpu` by index, of the GPUs in the order in which they stand."""
    gpus: dict[int, dict[str, Any]] = {}
    section, index = "", 0
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
            elif head is not None:
                section = head["name"]
    return {index: row for index, row in gpus.items() if row}


def _take(row: dict[str, Any], section: str, key: str, value: str) -> None:
    number = re.match(r"(\d+)(?:x\b|$)", value)
    if key in REASONS:
        row["clock_event_reasons"] = row.get("clock_event_reasons", 0) | (REASONS[key] if value == "Active" else 0)
    elif section == "Link Width" and number is not None and key in ("Max", "Current"):
        row["pcie_width_max" if key == "Max" else "pcie_width"] = int(number[1])
    elif section == "Remapped Rows":
        if key == "Pending":
            row["remap_pending"] = value == "Yes"
        elif key.startswith("Remapping Failure"):
            row["remap_failed"] = value == "Yes"
        elif key.startswith("Uncorrectable") and number is not None:
            row["remapped_uncorrectable"] = int(number[1])
    elif section in ("Volatile", "Aggregate") and number is not None and "Uncorrectable" in key:
        field = f"ecc_uncorrected_{section.lower()}"
        row[field] = row.get(field, 0) + int(number[1])
    elif section == "Fabric" and key == "State" and value in FABRIC:
        row["fabric_state"] = FABRIC[value]
    elif key == "Compute Mode":
        modes = {"Default": 0, "Prohibited": 2, "Exclusive_Process": 3}
        if value in modes:
            row["compute_mode"] = modes[value]
