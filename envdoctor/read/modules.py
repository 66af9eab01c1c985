"""lsmod, dkms status and uname -r: which modules of the kernel are loaded, for which kernels one was built, and which of them runs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from envdoctor.facts import DkmsModule, KernelModule, System
from envdoctor.read.lines import PROMPT, Line
from envdoctor.read.notebook import Notebook

MODULE = re.compile(
    r"^(?P<name>nvidia|nvidia_uvm|nvidia_drm|nvidia_modeset|nouveau|nvidia_peermem|nova_core)\s+\d{4,}\s+\d+(?:\s|$)"
)
DKMS = re.compile(
    r"^\s*nvidia(?:-\w+)?[/,] ?(?P<version>\d{3}\.[\d.]+), (?P<kernel>\d[^,\s]*), \w+: (?P<state>added|built|installed)\b",
    re.IGNORECASE,
)
UNAME = re.compile(r"\buname -r\s*$")
KERNEL = re.compile(r"^\s*(?P<kernel>\d+\.\d+\.\d+[\w.+~-]*)\s*$")
ASKED = re.compile(r"\blsmod\b.*\bgrep\b.*nvidia", re.IGNORECASE)
NONE_LISTED = re.compile(
    r"(?i)\b(?P<what>lspci|lsmod)\b[^|]{0,12}\|\s*e?grep [^|]{0,30}nvidia[`'\"]*(?: (?:command|output|result))?"
    r"\s*(?:and )?(?:it )?(?:\(|->|=>|:|,|is|shows|returns|gives|prints|outputs|=)?\s*"
    r"(?:absolutely )?(?:nothing|empty|no output|no results?)\b"
)
"""A question and its answer in one line: ``lspci | grep -i nvidia shows nothing``."""


def read_modules(lines: Sequence[Line], notes: Notebook) -> None:
    """Note the modules that lsmod shows. One that lists nouveau without nvidia has not loaded the latter."""
    asked = False
    named = 0
    built: dict[tuple[str, str, str], int] = {}
    for number, text in lines:
        dkms = DKMS.match(text) if "nvidia" in text else None
        if dkms is not None:
            built.setdefault((dkms["version"], dkms["kernel"], dkms["state"].lower()), number)
        kernel = KERNEL.match(text) if named else None
        if kernel is not None:
            notes.note(System, "kernel", kernel["kernel"], number, keep=True)
        named = number if UNAME.search(text) else 0
        if asked and PROMPT.match(text):
            notes.saw("lsmod", number - 1)
            notes.note(KernelModule, "loaded", False, number - 1, keep=True)
        if none_listed("lsmod", text):
            notes.note(KernelModule, "loaded", False, number, keep=True)
        asked = "lsmod" in text and ASKED.search(text) is not None and PROMPT.match(text) is not None
        module = MODULE.match(text) if text.startswith("n") else None
        if module is None:
            continue
        notes.saw("lsmod", number)
        field = {"nvidia": "loaded", "nvidia_uvm": "uvm_loaded", "nouveau": "nouveau_loaded"}.get(module["name"])
        if field is not None:
            notes.note(KernelModule, field, True, number)
    if built:
        notes.saw("dkms status", min(built.values()))
        rows = (
            DkmsModule(name="nvidia", version=version, kernel=kernel, state=state) for version, kernel, state in built
        )
        notes.note(KernelModule, "dkms", tuple(rows), min(built.values()))
    if notes.get(KernelModule, "nouveau_loaded"):
        notes.note(KernelModule, "loaded", False, notes.kinds["lsmod"], keep=True)


def none_listed(command: str, text: str) -> bool:
    """Whether a line says that `command` (``lspci`` or ``lsmod``) lists nothing of NVIDIA's."""
    told = NONE_LISTED.search(text) if command in text else None
    return told is not None and told["what"].lower() == command
