"""The kernel's log: dmesg plain and with -T, the journal; the lines that bear on the GPU, and every Xid."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Sequence
from typing import Literal

from envdoctor.facts import AerEvent, KernelLog, KernelModule, SxidEvent, XidEvent
from envdoctor.read.lines import Line
from envdoctor.read.notebook import Notebook

NEWEST = 400
BEARS = re.compile(
    r"NVRM|nvidia|nouveau|\bXid\b|SXid|nvlink|Secure ?Boot|secureboot|module verification failed|Lockdown: modprobe|"
    r"BAR \d+.*(?:failed|no space|can't|assigned)|bridge window.*(?:failed|no space|can't)|\[10de:|"
    r"Loading of (?:module|unsigned)|Key was rejected|fallen off the bus|PCIe Bus Error",
    re.IGNORECASE,
)
TIME = re.compile(
    r"^(?:<\d+>)?\[\s*(?:(?P<seconds>\d+\.\d+)|\w{3} (?P<month>\w{3}) +(?P<day>\d+) (?P<clock>[\d:]{8}) (?P<year>\d{4}))\]"
)
AER = re.compile(
    r"(?P<pci>[0-9a-fA-F]{4}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7]): (?:AER: )?PCIe Bus Error: "
    r"severity=(?P<severity>Correct|Uncorrect\w+ \(Non-Fatal|Uncorrect\w+ \(Fatal)"
)
SXID = re.compile(
    r"(?P<switch>nvidia-nvswitch\d+): SXid \(PCI:[0-9a-fA-F:.]+\): (?P<code>\d+), (?P<kind>Non-fatal|Fatal)", re.I
)
SEVERITIES: dict[str, Literal["corrected", "nonfatal", "fatal"]] = {"t": "corrected", "n": "nonfatal", "f": "fatal"}
XID = re.compile(r"NVRM: Xid \((?:PCI:)?(?P<pci>[0-9a-fA-F:.]+)\): (?P<code>\d+)")
KERNELS = re.compile(
    r"NVRM|\bXid\b|SXid|^\s*(?:<\d+>)?\[[ \d.+:A-Za-z]{6,32}\]\s+(?:\w+ )?(?:nvidia|nouveau|pcieport|pci )|^kernel: "
)
"""What only a kernel log prints."""
VERSION = re.compile(r"NVRM version:.*?(?P<open>Open )?Kernel Module(?: for \S+)?\s+(?P<version>\d+(?:\.\d+)+)")


def parse(text: str, source: str) -> KernelLog:
    """A kernel log as text: the newest lines that bear on the GPU, and every Xid in it."""
    lines = [line for line in text.splitlines() if BEARS.search(line)]
    xids = tuple(event for line in lines if (event := parse_xid(line)) is not None)
    aer = tuple(found for line in lines if (found := parse_aer(line)) is not None)
    return KernelLog(
        lines=tuple(lines[-NEWEST:]),
        xids=xids,
        sxids=tuple(sxid for line in lines if (sxid := parse_sxid(line)) is not None),
        aer=aer[-NEWEST:],
        until=next((at for line in reversed(text.splitlines()) if (at := parse_time(line)) is not None), None),
        sources=dict.fromkeys(("lines", "xids", "sxids", "aer"), source),
    )


def parse_time(line: str) -> float | None:
    """Seconds since boot, or since the epoch where the line is dated (dmesg -T); None: it has no time."""
    match = TIME.match(line)
    if match is None:
        return None
    if match["seconds"]:
        return float(match["seconds"])
    date = f"{match['year']} {match['month']} {match['day']} {match['clock']}"
    try:
        return float(calendar.timegm(time.strptime(date, "%Y %b %d %H:%M:%S")))
    except ValueError:
        return None


def parse_sxid(line: str) -> SxidEvent | None:
    """One line of an NVSwitch's error; None: it is none."""
    match = SXID.search(line)
    if match is None:
        return None
    return SxidEvent(
        code=int(match["code"]),
        fatal=match["kind"].lower() == "fatal",
        switch=match["switch"],
        time=parse_time(line),
        text=line.strip()[:500],
    )


def parse_aer(line: str) -> AerEvent | None:
    """One line of the PCIe bus's error reporting; None: it is none."""
    match = AER.search(line)
    if match is None:
        return None
    kind = "t" if match["severity"] == "Correct" else match["severity"].rpartition("(")[2][0].lower()
    return AerEvent(severity=SEVERITIES[kind], pci=match["pci"].lower(), time=parse_time(line), text=line.strip()[:500])


def parse_xid(line: str) -> XidEvent | None:
    """One Xid line; None: it is none."""
    match = XID.search(line)
    if match is None:
        return None
    pci = match["pci"].lower()
    return XidEvent(code=int(match["code"]), pci=pci, time=parse_time(line), text=line.strip()[:500])


def parse_version(text: str) -> tuple[str | None, bool]:
    """The version in /proc/driver/nvidia/version, and whether it is the open module."""
    match = VERSION.search(text)
    return (match["version"], match["open"] is not None or "Open Kernel Module" in text) if match else (None, False)


def read_kernel_log(lines: Sequence[Line], notes: Notebook) -> None:
    """Note the kernel's lines, and the module's version where /proc/driver/nvidia/version stands in the text."""
    kept: list[Line] = []
    for line in lines:
        version, is_open = parse_version(line.text) if "NVRM version" in line.text else (None, False)
        if version is not None:
            notes.saw("/proc/driver/nvidia/version", line.number)
            notes.note(KernelModule, "loaded", True, line.number)
            notes.note(KernelModule, "version", version, line.number)
            notes.note(KernelModule, "flavour", "open" if is_open else "proprietary", line.number)
        elif KERNELS.search(line.text):
            kept.append(line)
    if kept:
        log = parse("\n".join(line.text for line in kept), f"report line {kept[0].number}")
        if log.lines:
            notes.saw("a kernel log", kept[0].number)
            notes.note(KernelLog, "lines", log.lines, kept[0].number)
            notes.note(KernelLog, "xids", log.xids, kept[0].number)
            notes.note(KernelLog, "sxids", log.sxids, kept[0].number)
            notes.note(KernelLog, "aer", log.aer, kept[0].number)
            if log.until is not None:
                notes.note(KernelLog, "until", log.until, kept[0].number)
