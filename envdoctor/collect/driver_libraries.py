"""Every copy of the two driver libraries that the loader, or a person, may find."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Literal

from envdoctor.collect.api import collector
from envdoctor.collect.host import Host
from envdoctor.collect.ld_cache import read_cache
from envdoctor.collect.loader import default_folders, library_path
from envdoctor.facts import DriverLibraries, DriverLibrary

NAMES: tuple[Literal["libcuda.so.1"], Literal["libnvidia-ml.so.1"]] = ("libcuda.so.1", "libnvidia-ml.so.1")
OFF_PATH = (
    "/usr/local/cuda*/compat",
    "/usr/local/cuda*/lib64/stubs",
    "/usr/local/cuda*/targets/*/lib/stubs",
    "/usr/lib/wsl/lib",
    "/usr/local/nvidia/lib64",
    "/usr/local/nvidia/lib",
    "/usr/lib/*-linux-gnu",
    "/usr/lib/*-linux-gnu/nvidia/current",
    "/usr/lib/nvidia-[0-9]*",
    "/run/opengl-driver/lib",
    "/usr/lib64",
)
"""Folders where a copy lies though no search leads there."""
FILE_VERSION = re.compile(r"\.so\.(\d{3,4}\.\d+(?:\.\d+)*)$")

Kind = Literal["driver", "compat", "stub", "wsl", "jetson"]


@collector
def driver_libraries(host: Host) -> DriverLibraries:
    """libcuda.so.1 and libnvidia-ml.so.1: LD_PRELOAD, LD_LIBRARY_PATH, then the loader's cache, then the default folders; then what nothing finds."""
    copies: list[DriverLibrary] = []
    for name in NAMES:
        found: dict[str, DriverLibrary] = {}
        for path, why in (*_preloaded(host, name), *_places(host, name)):
            copy = _copy(host, name, path, why, first=not found)
            if copy is not None:
                found.setdefault(copy.path, copy)
        copies += found.values()
    return DriverLibraries(copies=tuple(copies), sources={"copies": "the loader's search path"})


def _preloaded(host: Host, name: str) -> Iterator[tuple[str, str]]:
    """A library that LD_PRELOAD names is there before any search; a toolkit's stub is called libcuda.so and answers to libcuda.so.1."""
    for path in re.split(r"[:\s]+", host.environ.get("LD_PRELOAD", "")):
        if path.startswith("/") and os.path.basename(path) in (name, name.removesuffix(".1")):
            yield path, "LD_PRELOAD"


def _places(host: Host, name: str) -> Iterator[tuple[str, str]]:
    """The files that a copy may be, in the order of the search. A stub off the path is looked for under its own name, without the .1."""
    for folder, why in _folders(host, name):
        yield f"{folder}/{name.removesuffix('.1') if why == 'nothing' and '/stubs' in folder else name}", why


def _folders(host: Host, name: str) -> Iterator[tuple[str, str]]:
    """Folders in the loader's order, then those that it does not look into."""
    machine = os.uname().machine
    yield from ((folder, "LD_LIBRARY_PATH") for folder in library_path(host))
    yield from (
        (os.path.dirname(entry.path), "ld.so.cache") for entry in read_cache(host, machine) if entry.soname == name
    )
    yield from ((folder, "default path") for folder in default_folders(machine))
    yield from ((folder, "nothing") for pattern in OFF_PATH for folder in host.glob(pattern))


def _copy(host: Host, name: str, path: str, why: str, *, first: bool) -> DriverLibrary | None:
    """The copy at a path; None: there is none."""
    try:
        if not host.exists(path):
            return None
        real = host.resolve(path)
    except OSError:
        return None
    return DriverLibrary(
        name="libcuda.so.1" if name == NAMES[0] else "libnvidia-ml.so.1",
        path=path,
        real_path=real,
        version=_version(host, real),
        kind=kind_of(path, real),
        found_by=why,
        wins=first and why != "nothing",
        sources={"path": why, "version": f"the name of {real}"},
    )


def _version(host: Host, real: str) -> str | None:
    """The driver version in the file's name: ``libcuda.so.595.45.04``. WSL's has none."""
    match = FILE_VERSION.search(real)
    return match[1] if match else None


def kind_of(path: str, real: str) -> Kind:
    """What a copy is, by where it lies."""
    for place in (path, real):
        if "/stubs/" in place:
            return "stub"
        if "/compat/" in place or "cuda-compat" in place or "/compat_orin/" in place:
            return "compat"
        if "/wsl/" in place:
            return "wsl"
        if "/tegra/" in place or "/tegra-egl/" in place or "/aarch64-linux-gnu/nvidia/" in place:
            return "jetson"
    return "driver"
