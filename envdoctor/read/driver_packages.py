"""The driver's libraries as packages: dpkg, rpm, pacman. Their version beside that of the loaded module tells of an upgrade without a restart."""

from __future__ import annotations

import re
from collections.abc import Sequence

from envdoctor.facts import KernelModule, Nvml
from envdoctor.read.lines import Line
from envdoctor.read.notebook import Notebook

NAMES = (
    r"libnvidia-compute-\d+|libcuda1|libnvidia-ml1|nvidia-utils(?:-\d+)?|nvidia-smi|"
    r"cuda-drivers(?:-\d+)?|nvidia-driver(?:-\d+|-libs|-cuda|-cuda-libs)?|xorg-x11-drv-nvidia(?:-cuda(?:-libs)?)?"
)
VERSION = r"(?P<version>\d{3}\.\d{2,3}(?:\.\d+)?)"
DPKG = re.compile(rf"^\s*ii\s+(?:{NAMES})(?::\w+)?\s+(?:\d:)?{VERSION}[-~+\s]")
RPM = re.compile(rf"^\s*(?:{NAMES})-(?:\d:)?{VERSION}-\S+\.(?:x86_64|aarch64)\s*$")
YUM = re.compile(rf"^\s*(?:{NAMES})\.(?:x86_64|aarch64)\s+(?:\d:)?{VERSION}-\S+\s+@")
PACMAN = re.compile(rf"^\s*(?:local/|extra/)?(?:{NAMES})\s+{VERSION}-\d+(?:\s|$)")
LIBRARY = re.compile(rf"\bNVML library version: {VERSION}")
"""nvidia-smi prints it where module and library differ."""


def read_driver_packages(lines: Sequence[Line], notes: Notebook) -> None:
    """Note the version of the installed library. Of several packages one that is of the module's version is taken: the others are left-overs."""
    running = notes.get(KernelModule, "version")
    for number, text in lines:
        if not any(word in text.lower() for word in ("nvidia", "libcuda1", "nvml library")):
            continue
        for pattern, kind in (
            (DPKG, "dpkg -l"),
            (RPM, "rpm -qa"),
            (YUM, "yum list"),
            (PACMAN, "pacman -Q"),
            (LIBRARY, None),
        ):
            found = pattern.search(text)
            if found is None:
                continue
            if kind is not None:
                notes.saw(kind, number)
            known = notes.get(Nvml, "library_version")
            if known is None or (known != running and same(found["version"], running)):
                notes.values.get(Nvml, {}).pop("library_version", None)
                notes.note(Nvml, "library_version", found["version"], number)


def same(version: str, running: str | None) -> bool:
    """Whether two versions agree as far as both are told: nvidia-smi leaves out the last part."""
    return running is not None and (running.startswith(version) or version.startswith(running))
