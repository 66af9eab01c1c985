"""What an ELF file asks for, and where the loader looks for it (ld.so(8))."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from envdoctor.collect.host import Host
from envdoctor.collect.ld_cache import CacheEntry, read_cache

DEFAULT = ("/lib64", "/usr/lib64", "/lib", "/usr/lib")
MULTIARCH = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu", "ppc64le": "powerpc64le-linux-gnu"}


@dataclass(frozen=True, kw_only=True)
class Elf:
    """The dynamic section of one library or program."""

    path: str
    soname: str | None
    needed: tuple[str, ...]
    rpath: tuple[str, ...]
    """DT_RPATH, $ORIGIN expanded; empty where there is a DT_RUNPATH, which makes the loader ignore it."""
    runpath: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One folder that the loader looks into, and why."""

    folder: str
    why: str


def read_elf(path: str) -> Elf | None:
    """The dynamic section of a file; None: it is no dynamic ELF file, or cannot be read."""
    # Imported here: it costs as much as all of click, and --quick never comes here.
    from elftools.common.exceptions import ELFError
    from elftools.elf.dynamic import DynamicSegment
    from elftools.elf.elffile import ELFFile

    tags: dict[str, list[str]] = {"DT_NEEDED": [], "DT_RPATH": [], "DT_RUNPATH": [], "DT_SONAME": []}
    try:
        with open(path, "rb") as stream:
            for segment in ELFFile(stream).iter_segments(type="PT_DYNAMIC"):
                for tag in segment.iter_tags() if isinstance(segment, DynamicSegment) else ():
                    if tag.entry.d_tag in tags:
                        tags[tag.entry.d_tag].append(getattr(tag, tag.entry.d_tag[3:].lower()))
    except (OSError, ELFError, ValueError, io.UnsupportedOperation, AttributeError):
        return None
    runpath = _folders(tags["DT_RUNPATH"], path)
    return Elf(
        path=path,
        soname=next(iter(tags["DT_SONAME"]), None),
        needed=tuple(tags["DT_NEEDED"]),
        rpath=() if runpath else _folders(tags["DT_RPATH"], path),
        runpath=runpath,
    )


def _folders(entries: Iterable[str], path: str) -> tuple[str, ...]:
    origin = os.path.dirname(os.path.realpath(path))
    found = (folder for entry in entries for folder in entry.split(":") if folder)
    return tuple(os.path.normpath(folder.replace("${ORIGIN}", origin).replace("$ORIGIN", origin)) for folder in found)


def library_path(host: Host) -> tuple[str, ...]:
    """The folders of LD_LIBRARY_PATH; an empty entry is the working folder."""
    value = host.environ.get("LD_LIBRARY_PATH")
    if not value:
        return ()
    return tuple(os.path.normpath(entry) if entry else "." for entry in value.replace(";", ":").split(":"))


def default_folders(machine: str) -> tuple[str, ...]:
    """The folders that are searched last."""
    multiarch = MULTIARCH.get(machine)
    more = (f"/lib/{multiarch}", f"/usr/lib/{multiarch}") if multiarch else ()
    return (*more, *DEFAULT)


class Search:
    """Where this machine's loader looks, in order."""

    def __init__(self, host: Host, machine: str) -> None:
        self.library_path = library_path(host)
        self.cache: tuple[CacheEntry, ...] = read_cache(host, machine)
        self.defaults = default_folders(machine)
        self.cached: dict[str, str] = {}
        for entry in self.cache:
            self.cached.setdefault(entry.soname, entry.path)

    def steps(self, name: str, requirer: Elf | None, above: Iterable[Elf] = ()) -> Iterator[Step]:
        """The folders for `name`, asked for by `requirer`; `above` are the objects that needed the requirer.

        DT_RPATH of the requirer and of those above it (unless the requirer has a DT_RUNPATH), LD_LIBRARY_PATH, its
        DT_RUNPATH, the cache, the default folders.
        """
        if requirer is not None and not requirer.runpath:
            for elf in (requirer, *above):
                yield from (Step(folder, f"DT_RPATH of {os.path.basename(elf.path)}") for folder in elf.rpath)
        yield from (Step(folder, "LD_LIBRARY_PATH") for folder in self.library_path)
        if requirer is not None:
            why = f"DT_RUNPATH of {os.path.basename(requirer.path)}"
            yield from (Step(folder, why) for folder in requirer.runpath)
        if name in self.cached:
            yield Step(os.path.dirname(self.cached[name]), "ld.so.cache")
        yield from (Step(folder, "default path") for folder in self.defaults)

    def find(self, name: str, requirer: Elf | None, above: Iterable[Elf] = ()) -> tuple[str, Step] | None:
        """The file that the loader takes for `name`, and the step that finds it; None: there is none."""
        for step in self.steps(name, requirer, above):
            path = os.path.join(step.folder, name)
            if os.path.exists(path):
                return path, step
        return None
