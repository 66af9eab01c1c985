"""Which GPU runs which compiled code.

A cubin for sm_XY runs on the same major with an equal or higher minor (CUDA C++ programming guide, "Binary compatibility");
PTX for compute_XY is compiled by the driver for any equal or higher compute capability.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

TEGRA = frozenset({"5.3", "6.2", "7.2", "8.7"})
"""Their cubins run on exactly these GPUs, and these GPUs run no other cubin of their major (torch/cuda/__init__.py)."""

SAME = {"10.1": "11.0"}
"""Thor was compute capability 10.1 before CUDA 13 called it 11.0."""

_ARCH = re.compile(r"(?P<kind>sm|compute)_(?P<major>\d+)(?P<minor>\d)(?P<suffix>[af]?)")


def _parse(compute_capability: str) -> tuple[int, int]:
    major, _, minor = SAME.get(compute_capability, compute_capability).partition(".")
    return int(major), int(minor)


def _fits(entry: re.Match[str], device: tuple[int, int]) -> bool:
    code = _parse(f"{entry['major']}.{entry['minor']}")
    if entry["suffix"] == "a":
        return code == device
    same_family = code[0] == device[0] and code[1] <= device[1]
    if entry["kind"] == "compute" and not entry["suffix"]:
        return code <= device
    if f"{code[0]}.{code[1]}" in TEGRA or f"{device[0]}.{device[1]}" in TEGRA:
        return code == device
    return same_family


def runs_on(arch_list: Sequence[str], compute_capability: str) -> Literal["binary", "ptx"] | None:
    """How a build with code for `arch_list` (``sm_86``, ``compute_90``, ``sm_90a``, ``sm_100f``; anything else is passed over)
    runs on a GPU of `compute_capability` (``8.9``): as it is, compiled from PTX at first use, or not at all (None)."""
    device = _parse(compute_capability)
    entries = [entry for entry in map(_ARCH.fullmatch, arch_list) if entry is not None]
    fitting = {entry["kind"] for entry in entries if _fits(entry, device)}
    if "sm" in fitting:
        return "binary"
    return "ptx" if fitting else None
