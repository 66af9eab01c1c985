"""What lies between a GPU and the processor: bridges, errors of the link, the IOMMU, Access Control Services. From sysfs."""

from __future__ import annotations

import re
from typing import Any

from envdoctor.collect.host import Host

ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
ACS, ACS_CONTROL = 0x000D, 6
"""The extended capability, and where its control register lies in it (include/uapi/linux/pci_regs.h)."""
REDIRECTS = 0x4 | 0x8
"""Peer-to-peer requests, or their completions, are sent up to the root complex."""
FIRST_EXTENDED = 0x100


def way_up(host: Host, path: str) -> dict[str, Any]:
    """Fields of `PciDevice` for the device at `path`."""
    return {
        "upstream": _upstream(host, path),
        "local_cpus": _text(host, f"{path}/local_cpulist"),
        "aer_corrected": _total(host, f"{path}/aer_dev_correctable"),
        "aer_nonfatal": _total(host, f"{path}/aer_dev_nonfatal"),
        "aer_fatal": _total(host, f"{path}/aer_dev_fatal"),
        "iommu": _iommu(host, path),
    }


def acs_redirects(host: Host, root: str, upstream: tuple[str, ...]) -> tuple[str, ...] | None:
    """Those of the bridges `upstream` that redirect; None: their settings may not be read (only root may), or cannot."""
    found = []
    for bridge in upstream:
        try:
            config = host.read_bytes(f"{root}/{bridge}/config", 4096)
        except OSError:
            return None
        if len(config) <= FIRST_EXTENDED:
            return None
        if _control(config) & REDIRECTS:
            found.append(bridge)
    return tuple(found)


def _control(config: bytes) -> int:
    """The ACS control register; 0: the bridge has none."""
    place, seen = FIRST_EXTENDED, set[int]()
    while FIRST_EXTENDED <= place <= len(config) - 8 and place not in seen:
        seen.add(place)
        head = int.from_bytes(config[place : place + 4], "little")
        if head & 0xFFFF == ACS:
            return int.from_bytes(config[place + ACS_CONTROL : place + ACS_CONTROL + 2], "little")
        place = head >> 20
    return 0


def _upstream(host: Host, path: str) -> tuple[str, ...] | None:
    try:
        parts = host.resolve(path).split("/")
    except OSError:
        return None
    bridges = [part for part in parts[:-1] if ADDRESS.fullmatch(part)]
    return tuple(reversed(bridges))


def _text(host: Host, path: str) -> str | None:
    try:
        return host.read(path, 4096).strip()
    except OSError:
        return None


def _total(host: Host, path: str) -> int | None:
    """The sum that the kernel writes at the end: ``TOTAL_ERR_COR 12``."""
    match = re.search(r"^TOTAL_ERR_\w+ (\d+)$", _text(host, path) or "", re.MULTILINE)
    return int(match[1]) if match else None


def _iommu(host: Host, path: str) -> str | None:
    try:
        if not host.exists(f"{path}/iommu_group"):
            return ""
    except OSError:
        return None
    return _text(host, f"{path}/iommu_group/type")
