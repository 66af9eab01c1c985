"""``nvidia-smi --query-gpu=… --format=csv``: a line of field names, and a line of values for each GPU."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from envdoctor.facts import Nvml, NvmlGpu
from envdoctor.read.lines import Line
from envdoctor.read.notebook import Notebook

FIELD = re.compile(r"^[a-z_]+(?:\.[a-z_]+)*(?: \[[A-Za-z%]+\])?$")
QUERY = re.compile(r"--query-gpu[= ]\"?(?P<fields>[a-z_.]+(?:,[a-z_.]+)*)")
UNITS = re.compile(r" \[[A-Za-z%]+\]$")
MODES = {"Default": 0, "Prohibited": 2, "Exclusive_Process": 3}
REASONS = {
    "hw_thermal_slowdown": 0x40,
    "hw_power_brake_slowdown": 0x80,
    "hw_slowdown": 0x8,
    "sw_thermal_slowdown": 0x20,
}


def _count(text: str) -> int:
    return int(text.split(maxsplit=1)[0])


def _watts(text: str) -> float:
    return float(text.removesuffix("W"))


def _mib(text: str) -> int:
    return _count(text) << 20


def _mask(text: str) -> int:
    return int(text, 16)


def _yes(text: str) -> bool:
    return {"Yes": True, "No": False, "1": True, "0": False}[text]


VALUES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "name": ("name", str),
    "gpu_name": ("name", str),
    "pci.bus_id": ("pci_bus_id", str),
    "power.limit": ("power_limit_watts", _watts),
    "power.default_limit": ("power_limit_default_watts", _watts),
    "clocks.applications.graphics": ("application_clock_mhz", _count),
    "clocks.default_applications.graphics": ("application_clock_default_mhz", _count),
    "pcie.link.width.current": ("pcie_width", _count),
    "pcie.link.width.max": ("pcie_width_max", _count),
    "temperature.gpu": ("temperature_celsius", _count),
    "memory.used": ("memory_used_bytes", _mib),
    "memory.free": ("memory_free_bytes", _mib),
    "memory.total": ("memory_total_bytes", _mib),
    "compute_mode": ("compute_mode", lambda text: MODES[text]),
    "mig.mode.current": ("mig_mode", lambda text: {"Enabled": 1, "Disabled": 0}[text]),
    "ecc.errors.uncorrected.volatile.total": ("ecc_uncorrected_volatile", _count),
    "retired_pages.pending": ("retired_pending", _yes),
    "remapped_rows.pending": ("remap_pending", _yes),
    "remapped_rows.failure": ("remap_failed", _yes),
    "clocks_throttle_reasons.active": ("clock_event_reasons", _mask),
    "clocks_event_reasons.active": ("clock_event_reasons", _mask),
}
"""The fields that the checks judge by, and how their values are written."""


def read_smi_query(lines: Sequence[Line], notes: Notebook) -> None:
    """Note what each row tells, in the order of the rows; where the names are not printed (noheader) the command has them."""
    fields: list[str] = []
    rows: dict[int, dict[str, Any]] = {}
    asked: list[str] = []
    first = 0
    for number, text in lines:
        query = QUERY.search(text) if "--query-gpu" in text else None
        if query is not None:
            asked = query["fields"].split(",")
            fields = asked if "noheader" in text else []
            continue
        cells = [cell.strip() for cell in text.split(",")]
        names = [UNITS.sub("", cell) for cell in cells]
        if all(map(FIELD.match, cells)) and any((name in VALUES and name != "name") or _reason(name) for name in names):
            if len(cells) > 1 or names == asked:
                fields, first = names, first or number
        elif fields and len(cells) == len(fields):
            row = _row(dict(zip(fields, cells, strict=True)))
            index = row.pop("index", len(rows))
            if not row:
                fields = []
                continue
            rows[index] = {**rows.get(index, {}), **row}
            first = first or number
        else:
            fields = []
    if rows:
        notes.saw("nvidia-smi --query-gpu", first)
        known: Sequence[NvmlGpu] = notes.get(Nvml, "gpus") or ()
        gpus = {gpu.index: gpu for gpu in known}
        for index, row in rows.items():
            gpu = gpus.get(index, NvmlGpu(index=index))
            gpus[index] = msgspec.structs.replace(gpu, **row)
        notes.note(Nvml, "gpus", tuple(gpu for _, gpu in sorted(gpus.items())), first)
        notes.note(Nvml, "init_code", 0, first, keep=True)  # it answered


def _reason(name: str) -> int:
    """The bit of a reason that is asked for by its own name; 0: it is none."""
    area, _, reason = name.partition(".")
    return REASONS.get(reason, 0) if area in ("clocks_throttle_reasons", "clocks_event_reasons") else 0


def _row(cells: dict[str, str]) -> dict[str, Any]:
    """What a line of values tells; nothing where a value is not of its field's form: it is another line."""
    row: dict[str, Any] = {}
    for name, text in cells.items():
        if name == "index" and text.isdigit():
            row["index"] = int(text)
        elif _reason(name):
            if text not in ("Active", "Not Active"):
                return {}
            bit = _reason(name) if text == "Active" else 0
            row["clock_event_reasons"] = row.get("clock_event_reasons", 0) | bit
        elif name in VALUES and not text.startswith(("[", "N/A")):
            field, value = VALUES[name]
            try:
                row[field] = value(text)
            except (ValueError, KeyError, IndexError):
                return {}
    return row
