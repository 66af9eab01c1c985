"""What an ELF file asks for, and where the loader looks for it (ld.so(8)).

The dynamic section is read without pyelftools: fifty libraries, some of a gigabyte, are looked at when torch's import has just
ended and somebody waits. pyelftools takes 1.2 ms a file and 40 ms to import, this 0.05 ms; it is used for symbols.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from envdoctor.collect.host import Host
from envdoctor.collect.ld_cache import CacheEntry, read_cache
from envdoctor.facts import Interpreter

DEFAULT = ("/lib64", "/usr/lib64", "/lib", "/usr/lib")
MULTIARCH = {"x86_64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu", "ppc64le": "powerpc64le-linux-gnu"}

PT_LOAD, PT_DYNAMIC = 1, 2
DT_NULL, DT_NEEDED, DT_STRTAB, DT_SONAME, DT_RPATH, DT_RUNPATH = 0, 1, 5, 14, 15, 29

OPENERS = {
    "libcudnn_": ("libcudnn.so",),
    "libcuda.so.1": ("libcudart",),
    "libnvrtc-builtins": ("libnvrtc.so",),
    "libnvrtc.so": ("libtorch_cuda.so", "libcaffe2_nvrtc.so"),
    "libtorch_cuda_linalg.so": ("libtorch_cuda.so",),
}
"""Libraries that others open at run time: how their names begin, and how the names of those begin that open them."""


@dataclass(frozen=True, kw_only=True)
class Elf:
    """The dynamic section of one library or program."""

    path: str
    soname: str | None
    needed: tuple[str, ...]
    rpath: tuple[str, ...]
    """DT_RPATH, $ORIGIN expanded; empty where there is a DT_RUNPATH, which makes the loader ignore it."""
    runpath: tuple[str, ...]
    kind: tuple[int, int] = (2, 62)
    """Class (1: 32 bits, 2: 64 bits) and e_machine (62: x86-64, 183: AArch64): the loader passes over files of another kind."""


@dataclass(frozen=True)
class Step:
    """One folder that the loader looks into, and why."""

    folder: str
    why: str


def read_elf(path: str) -> Elf | None:
    """The dynamic section of a file; None: it is no dynamic ELF file, is cut off, or cannot be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    try:
        return _parse(fd, path)
    except (OSError, struct.error, OverflowError):
        return None
    finally:
        os.close(fd)


def _parse(fd: int, path: str) -> Elf | None:
    head = os.pread(fd, 64, 0)
    if len(head) < 52 or head[:4] != b"\x7fELF" or head[4] not in (1, 2) or head[5] not in (1, 2):
        return None
    order = "<" if head[5] == 1 else ">"
    loads, dynamic = _segments(fd, head, order)
    if dynamic is None:
        return None
    tags = list(_tags(os.pread(fd, min(dynamic[1], 1 << 16), dynamic[0]), head[4], order))
    table = _file_offset(loads, next((value for tag, value in tags if tag == DT_STRTAB), 0))
    texts: dict[int, list[str]] = {DT_NEEDED: [], DT_SONAME: [], DT_RPATH: [], DT_RUNPATH: []}
    for tag, value in tags:
        if tag in texts:
            texts[tag].append(os.pread(fd, 1 << 14, table + value).partition(b"\0")[0].decode("utf-8", "replace"))
    runpath = _folders(texts[DT_RUNPATH], path)
    return Elf(
        path=path,
        soname=next(iter(texts[DT_SONAME]), None),
        needed=tuple(texts[DT_NEEDED]),
        rpath=() if runpath else _folders(texts[DT_RPATH], path),
        runpath=runpath,
        kind=(head[4], struct.unpack_from(order + "H", head, 18)[0]),
    )


def _segments(fd: int, head: bytes, order: str) -> tuple[list[tuple[int, int, int]], tuple[int, int] | None]:
    """The loaded segments as (address, offset, size), and the dynamic one as (offset, size); None: there is none."""
    wide = head[4] == 2
    (start,) = struct.unpack_from(order + ("Q" if wide else "I"), head, 32 if wide else 28)
    size, count = struct.unpack_from(order + "HH", head, 54 if wide else 42)
    # Elf64_Phdr: type flags offset address …; Elf32_Phdr: type offset address …
    form, where = (order + "IIQQQQ", (2, 3, 5)) if wide else (order + "IIIIII", (1, 2, 4))
    headers = os.pread(fd, min(size * count, 1 << 20), start)
    loads: list[tuple[int, int, int]] = []
    dynamic = None
    for number in range(count):
        fields = struct.unpack_from(form, headers, number * size)
        offset, address, length = (fields[index] for index in where)
        if fields[0] == PT_LOAD:
            loads.append((address, offset, length))
        elif fields[0] == PT_DYNAMIC:
            dynamic = offset, length
    return loads, dynamic


def _tags(section: bytes, width: int, order: str) -> Iterator[tuple[int, int]]:
    """The entries of a dynamic section, up to its end mark."""
    form = struct.Struct(order + ("qQ" if width == 2 else "iI"))
    for tag, value in form.iter_unpack(section[: len(section) // form.size * form.size]):
        if tag == DT_NULL:
            return
        yield tag, value


def _file_offset(loads: Iterable[tuple[int, int, int]], address: int) -> int:
    return next((address - start + offset for start, offset, size in loads if start <= address < start + size), address)


def _folders(entries: Iterable[str], path: str) -> tuple[str, ...]:
    origin = os.path.dirname(os.path.realpath(path))
    found = (folder for entry in entries for folder in entry.split(":") if folder)
    return tuple(os.path.normpath(folder.replace("${ORIGIN}", origin).replace("$ORIGIN", origin)) for folder in found)


def exports(path: str, symbol: str) -> bool | None:
    """Whether a library defines a symbol; None: it cannot be told."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile
    from elftools.elf.hash import GNUHashSection

    try:
        with open(path, "rb") as stream:
            table = ELFFile(stream).get_section_by_name(".gnu.hash")
            return table.get_symbol(symbol) is not None if isinstance(table, GNUHashSection) else None
    except (OSError, ELFError, ValueError, KeyError, AttributeError):
        return None


def openers_of(name: str) -> tuple[str, ...]:
    """How the names of the libraries begin that open `name` at run time; none: nobody is known to."""
    return next((openers for beginning, openers in OPENERS.items() if name.startswith(beginning)), ())


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

    def __init__(self, host: Host, interpreter: Interpreter | None = None) -> None:
        machine = (interpreter.machine if interpreter else None) or "x86_64"
        program = interpreter.real_path if interpreter else None
        self.program = read_elf(program) if program else None
        self.library_path = library_path(host)
        self.cache: tuple[CacheEntry, ...] = read_cache(host, machine)
        self.defaults = default_folders(machine)
        self.cached: dict[str, str] = {}
        for entry in self.cache:
            self.cached.setdefault(entry.soname, entry.path)

    def steps(self, name: str, requirer: Elf | None, above: Iterable[Elf] = ()) -> Iterator[Step]:
        """The folders for `name`, asked for by `requirer`; `above` are the objects that needed the requirer.

        DT_RPATH of the requirer, of those above it and of the program (unless the requirer has a DT_RUNPATH),
        LD_LIBRARY_PATH, its DT_RUNPATH, the cache, the default folders.
        """
        if requirer is not None and not requirer.runpath:
            for elf in (requirer, *above, *((self.program,) if self.program else ())):
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
            if os.path.exists(path) and self._fits(path, requirer):
                return path, step
        return None

    def _fits(self, path: str, requirer: Elf | None) -> bool:
        """Whether the loader would not pass over the file as one of another machine."""
        found = read_elf(path) if requirer is not None else None
        return found is None or requirer is None or found.kind == requirer.kind
