"""What the loader did: ldd, LD_DEBUG=libs, /proc/<pid>/maps. Which file was taken, and whether it is torch's own."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from envdoctor.facts import DriverLibraries, DriverLibrary, LoadedLibraries, LoadedLibrary
from envdoctor.knowledge.libraries import family_of
from envdoctor.read.lines import Line
from envdoctor.read.notebook import Notebook

LDD = re.compile(r"^\s*(?P<name>lib[\w.+-]+\.so[\w.]*) => (?P<path>/\S+) \(0x[0-9a-f]+\)")
DRIVERS_FILE = re.compile(r"(?:^|[\s/])libcuda\.so\.\d{3}\.\d+(?:\.\d+)?\s*$")
CACHED = re.compile(r"^\s*libcuda\.so\.1 \([^)]*\) => (?P<path>/\S+)")
"""One line of `ldconfig -p`: the first of a name is the one that is taken."""
ASKED = re.compile(r"file=(?P<name>lib\S+\.so\S*) \[\d+\];\s+needed by (?P<by>/\S+)")
TRYING = re.compile(r"\btrying file=(?P<path>/\S+)")
TAKEN = re.compile(r"file=(?P<name>lib\S+\.so\S*) \[\d+\];\s+generating link map")
INIT = re.compile(r"calling init:\s*(?P<path>/\S+\.so\S*)")
MAPPED = re.compile(
    r"^(?:[0-9a-f]+-[0-9a-f]+ [rwxps-]{4} \S+ \S+ \d+\s+)?(?P<path>/\S+/lib(?:cud|cublas|nccl|nvJitLink|cusparse|cusolver|cufft|nvrtc)\S*\.so\S*)\s*$"
)
OWN = re.compile(r"site-packages/(?:nvidia|torch)/|dist-packages/(?:nvidia|torch)/")
SEARCHED = re.compile(r"search path=.*\(LD_LIBRARY_PATH\)")


def read_loader(lines: Sequence[Line], notes: Notebook) -> None:
    """Note the libraries that were taken. One of a machine beside torch's own ones was put in front of them."""
    found: dict[str, tuple[str, int]] = {}
    trying: str | None = None
    by_own = False
    by_variable = imports = False
    drivers: list[str] = []
    for number, text in lines:
        if ".so" not in text or len(text) > 2000:
            by_variable = by_variable or bool(SEARCHED.search(text))
            imports = imports or ("LD_DEBUG" in text and "import torch" in text)
            continue
        asked, tried = ASKED.search(text), TRYING.search(text)
        if "libcuda.so." in text and DRIVERS_FILE.search(text) is not None:
            notes.saw("a file of the driver's libcuda", number)
        cached = CACHED.match(text) if "=> /" in text else None
        if cached is not None:
            notes.saw("ldconfig -p", number)
            drivers.append(cached["path"])
        if asked is not None:
            by_own = bool(OWN.search(posixpath.normpath(asked["by"])))
            notes.saw("LD_DEBUG", number)
        if tried is not None:
            trying = tried["path"]
        path = None
        if TAKEN.search(text) is not None and trying is not None and by_own:
            path = trying
        for pattern in (LDD, INIT, MAPPED):
            match = pattern.search(text)
            if match is not None:
                path = match["path"]
                notes.saw({LDD: "ldd", INIT: "LD_DEBUG", MAPPED: "a memory map"}[pattern], number)
        if path is not None:
            found[path] = (path, number)
    if drivers and "/compat/" in drivers[0]:
        notes.note(
            DriverLibraries,
            "copies",
            tuple(_libcuda(path, wins=not index) for index, path in enumerate(drivers)),
            notes.kinds["ldconfig -p"],
        )
    own = any(OWN.search(posixpath.normpath(path)) for path in found)
    rows = []
    for path, _ in found.values():
        family = family_of(path.rpartition("/")[2])
        if family is None:
            continue
        outside = OWN.search(posixpath.normpath(path)) is None
        by = "LD_LIBRARY_PATH" if by_variable else "the loader's search" if imports else None
        reason = by if outside else None
        row = LoadedLibrary(name=family, path=path, reason=reason, version=_version(path))
        rows.append(msgspec.structs.replace(row, owner_kind="system" if outside else "wheel"))
    if rows:
        number = min(number for _, number in found.values())
        notes.note(LoadedLibraries, "libraries", tuple(rows), number)
        notes.note(LoadedLibraries, "complete", False, number)
    if (own or by_own or imports) and any(row.owner_kind == "system" and row.name != "cuda" for row in rows):
        notes.saw("a library of the machine beside torch's own", 1)


def _libcuda(path: str, *, wins: bool) -> DriverLibrary:
    kind: Literal["compat", "stub", "driver"] = (
        "compat" if "/compat/" in path else "stub" if "/stubs/" in path else "driver"
    )
    return DriverLibrary(name="libcuda.so.1", path=path, real_path=path, kind=kind, found_by="ld.so.cache", wins=wins)


def _version(path: str) -> str | None:
    """``11.0.221`` of libcudart.so.11.0.221, where the name has three parts or more."""
    found = re.search(r"\.so\.(\d+(?:\.\d+){1,3})$", path)
    return found[1] if found is not None else None
