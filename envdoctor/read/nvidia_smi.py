"""nvidia-smi: the table, old and new, in part or whole; ``-L``; ``-q``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from envdoctor.facts import Nvml, NvmlGpu
from envdoctor.read.lines import Line
from envdoctor.read.notebook import Notebook
from envdoctor.read.smi_log import read_log

HEADER = re.compile(
    r"NVIDIA-SMI\s+(?P<smi>[\d.]+|N/A).{0,80}?(?:Driver Version|KMD Version):\s*(?P<driver>[\d.]+)(?:.{0,60}?CUDA (?:UMD )?Version:\s*(?P<cuda>\d+\.\d+))?"
)
NAME_ROW = re.compile(
    r"^\|\s*(?P<index>\d+)\s+(?P<name>[A-Z][\w .()/+-]+?)\s+(?:On|Off|TCC|WDDM|N/A|ERR!)\s*\|\s*(?P<bus>[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.\d)?"
    r"(?:\s+(?:On|Off)\s*\|\s*(?P<errors>\d+)\s*\|)?"
)
"""Behind the display's state stands the count of uncorrectable errors."""
USE_ROW = re.compile(
    r"(?P<used>\d+)\s*MiB\s*/\s*(?P<total>\d+)\s*MiB\s*"
    r"\|\s*(?:(?P<use>\d+)%|N/A|ERR!)?\s*(?P<mode>Default|E\. Process|E\. Thread|Exclusive_Process|Prohibited|N/A)?"
)
MIG_ROW = re.compile(r"\|\s*(?:Enabled|Disabled)\*?\s*\|")
MIG_DEVICE = re.compile(r"^\|\s*(?P<index>\d+)\s+\d+\s+\d+\s+\d+\s+\|")
MIG_LISTED = re.compile(r"^\s+MIG \S+\s+Device\s+\d+: \(UUID: (?P<uuid>MIG-[\w/-]+)\)")
LISTED = re.compile(r"^\s*GPU (?P<index>\d+): (?P<name>.+?) \(UUID: (?P<uuid>GPU-[\w-]+)\)")
MODES = {"Default": 0, "E. Thread": 1, "Prohibited": 2, "E. Process": 3, "Exclusive_Process": 3}
LOG = "==============NVSMI LOG=============="
LICENSE = re.compile(r"^\s*License Status\s*:\s*(?P<state>\w+)")
PRODUCT = re.compile(r"^\s*Product Name\s*:\s*(?P<name>.+?)\s*$")


def read_nvidia_smi(lines: Sequence[Line], notes: Notebook) -> None:
    """Note driver, CUDA and GPUs."""
    gpus: dict[int, dict[str, Any]] = {}
    last: int | None = None
    for number, text in lines:
        header = HEADER.search(text)
        if header is not None:
            notes.saw("nvidia-smi", number)
            notes.note(Nvml, "driver_version", header["driver"], number)
            notes.note(Nvml, "init_code", 0, number)
            if header["cuda"]:
                major, minor = header["cuda"].split(".")
                notes.note(Nvml, "cuda_driver_version", int(major) * 1000 + int(minor) * 10, number)
            continue
        row = NAME_ROW.match(text)
        if row is not None:
            last = int(row["index"])
            gpus[last] = {"name": row["name"].strip(), "pci_bus_id": row["bus"]}
            if row["errors"] is not None:
                gpus[last]["ecc_uncorrected_volatile"] = int(row["errors"])
            continue
        instance = MIG_DEVICE.match(text)
        if instance is not None and int(instance["index"]) in gpus:
            gpu = gpus[int(instance["index"])]
            gpu["mig_uuids"] = (*gpu.get("mig_uuids", ()), "?")  # the table has no uuids
            continue
        use = USE_ROW.search(text)
        if use is not None and last is not None and text.lstrip().startswith("|"):
            _use(gpus[last], use)
            continue
        if last is not None and MIG_ROW.search(text):
            gpus[last]["mig_mode"] = int("Enabled" in text)
        named = MIG_LISTED.match(text)
        if named is not None and last is not None:
            gpus[last]["mig_uuids"] = (*gpus[last].get("mig_uuids", ()), named["uuid"])
        listed = LISTED.match(text)
        if listed is not None:
            notes.saw("nvidia-smi -L", number)
            last = int(listed["index"])
            gpus.setdefault(last, {}).update(name=listed["name"], uuid=listed["uuid"])
        product, license_ = PRODUCT.match(text), LICENSE.match(text)
        if product is not None:
            last = len(gpus) if last is None or "name" in gpus.get(last, {}) else last
            gpus.setdefault(last, {})["name"] = product["name"]
        if license_ is not None and last is not None:
            gpus.setdefault(last, {})["vgpu_license"] = license_["state"].lower()
    for index, fields in read_log(lines).items():
        gpus.setdefault(index, {}).update(fields)
    if gpus:
        rows = tuple(msgspec.convert({"index": index, **row}, NvmlGpu) for index, row in sorted(gpus.items()))
        notes.note(Nvml, "gpus", rows, notes.kinds.get("nvidia-smi", 1))
        shown = notes.kinds.get("nvidia-smi") or notes.kinds.get("nvidia-smi -L")
        if shown:
            notes.note(Nvml, "device_count", len(rows), shown)


def _use(gpu: dict[str, Any], found: re.Match[str]) -> None:
    used, total = int(found["used"]) << 20, int(found["total"]) << 20
    gpu.update(memory_used_bytes=used, memory_total_bytes=total, memory_free_bytes=total - used)
    if found["use"]:
        gpu["utilization_percent"] = int(found["use"])
    if found["mode"] in MODES:
        gpu["compute_mode"] = MODES[found["mode"]]
