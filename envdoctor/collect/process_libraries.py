"""Every NVIDIA and torch library mapped in a running process: whose it is, and its version, as far as files tell."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from envdoctor.collect.api import collector
from envdoctor.collect.host import Host
from envdoctor.collect.loaded_libraries import DRIVER
from envdoctor.collect.proc import private, root_of
from envdoctor.collect.process_nodes import NODE
from envdoctor.collect.process_python import DELETED, is_python
from envdoctor.facts import MappedFile, MappedFiles, ProcessLibraries, ProcessLibrary
from envdoctor.facts.process import LibrarySource
from envdoctor.inside.mapped import WANTED
from envdoctor.knowledge.libraries import family_of, providers

MAPS = 32 << 20
"""Bytes of a memory map that are read: a large process has tens of thousands of lines."""
FILE_NUMBER = re.compile(r"\.so\.(\d+\.\d+(?:\.\d+)*)$")
PACKAGES = re.compile(
    r"(?P<site>/.*/(?:site|dist)-packages)/(?P<package>[^/]+)/|(?P<above>/.*)/(?P<known>nvidia|torch)/(?:[^/]+/)?lib/"
)
"""A folder of packages is called so, or has torch's or NVIDIA's wheels in it (a folder on PYTHONPATH)."""
OWN_WORDS = {"nccl": re.compile(rb"NCCL version (\d+\.\d+\.\d+)"), "cudart": re.compile(rb"cudart[ -](\d+\.\d+\.\d+)")}
"""Families whose files hold their version as text."""
LARGEST = 64 << 20
"""Bytes of a file that are searched for it."""
CONSTANT = r"^%s\s*(?::[^=\n]*)?=\s*(?:'([^']*)'|\"([^\"]*)\"|(None))"


@collector(when="with --pid")
def process_libraries(host: Host) -> tuple[ProcessLibraries, MappedFiles]:
    """The memory map, line by line; a library that was deleted or replaced since is marked so by the kernel."""
    pid = host.request.pid
    assert pid is not None
    source = f"/proc/{pid}/maps"
    with private(host, pid, "the memory map"):
        mapped = tuple(_paths(host.read(source, MAPS)))
        program = host.link(f"/proc/{pid}/exe")
    files = Files(host, root_of(host, pid))
    wanted = [(path, deleted) for path, deleted in mapped if WANTED.search(path)]
    core = next((path for path, _ in wanted if "/torch/lib/libtorch" in path), None)
    about = files.torch(core) if core is not None and (core, False) in wanted else {}
    libraries = tuple(_library(files, path, deleted) for path, deleted in wanted)
    embeds = any("/libpython3" in path for path, _ in mapped)
    found = ProcessLibraries(
        libraries=libraries,
        torch_version=about.get("__version__"),
        torch_cuda=about.get("cuda"),
        torch_hip=about.get("hip"),
        python=program if is_python(program) or embeds else "",
        mapped_nodes=tuple(dict.fromkeys(path for path, _ in mapped if NODE.fullmatch(path))),
        sources={
            "libraries": source,
            "mapped_nodes": source,
            "python": f"/proc/{pid}/exe",
            "torch_version": "torch/version.py beside the mapped library",
            "torch_cuda": "torch/version.py beside the mapped library",
        },
    )
    return found, MappedFiles(
        files=tuple(_as_mapped(library, source) for library in libraries if not library.deleted and not files.root),
        complete=not files.root,
        sources={"files": source},
    )


def _as_mapped(library: ProcessLibrary, source: str) -> MappedFile:
    """The library for those who judge what was loaded. Its version they take from the file's name or the wheel themselves."""
    return MappedFile(path=library.path, sources={"path": source})


def _paths(text: str) -> Iterator[tuple[str, bool]]:
    """Every mapped file once, and whether it is deleted."""
    seen = set()
    for line in text.split("\n"):
        start = line.find("/")
        if start < 0 or line[start:] in seen:
            continue
        seen.add(line[start:])
        path = line[start:]
        yield path.removesuffix(DELETED), path.endswith(DELETED)


class Told(NamedTuple):
    """A version, and how it is known."""

    version: str | None
    by: LibrarySource | None


def _library(files: Files, path: str, deleted: bool) -> ProcessLibrary:
    now = files.version(path)
    named = FILE_NUMBER.search(path)
    told = Told(named[1], "file name") if named else Told(None, None) if deleted else now
    return ProcessLibrary(
        name=family_of(path) or os.path.basename(path),
        path=path,
        version=told.version,
        version_by=told.by,
        owner=files.owner(path),
        deleted=deleted,
        version_now=files.now(path) if deleted else None,
    )


class Files:
    """The files that a process sees: ours, or those below `root`."""

    def __init__(self, host: Host, root: str) -> None:
        self.host, self.root = host, root
        self.torches: dict[str, dict[str, str]] = {}
        self.wheels: dict[str, tuple[str, ...]] = {}

    def version(self, path: str) -> Told:
        """Of the file that lies at `path` now."""
        named = FILE_NUMBER.search(path)
        if named:
            return Told(named[1], "file name")
        if "/torch/lib/" in path:
            version = self.torch(path).get("__version__")
            if version and (family_of(path) or "").startswith(("torch", "c10", "caffe2", "shm")):
                return Told(version, "torch/version.py")
        wheel = self.wheel(path)
        if wheel is not None:
            return Told(wheel[1], "wheel")
        return self._own_words(path)

    def _own_words(self, path: str) -> Told:
        words = OWN_WORDS.get(family_of(path) or "")
        try:
            found = words.search(self.host.read_bytes(self.root + path, LARGEST)) if words is not None else None
        except OSError:
            found = None
        return Told(found[1].decode(), "the file itself") if found else Told(None, None)

    def now(self, path: str) -> str | None:
        """The version of what took the place of a deleted library; empty: nothing did; None: it cannot be told."""
        short = (
            r".so.1" if DRIVER.search(path) else r"\1"
        )  # libcuda.so.595.45.04 is libcuda.so.1, libnccl.so.2.21.5 is libnccl.so.2
        named = re.sub(r"(\.so\.\d+)\.\d[\d.]*$", short, path)
        for candidate in dict.fromkeys((path, named)):
            try:
                if self.host.exists(self.root + candidate):
                    real = candidate if self.root else self.host.resolve(candidate)
                    return self.version(real).version
            except OSError:
                return None
        return ""

    def torch(self, library: str) -> dict[str, str]:
        """The constants of torch/version.py beside a library of torch's: ``cuda`` is empty for a build without it."""
        place = library.rpartition("/lib/")[0] + "/version.py"
        if place not in self.torches:
            try:
                text = self.host.read(self.root + place, 65536)
            except OSError:
                text = ""
            self.torches[place] = dict(_constants(text, ("__version__", "cuda", "hip")))
        return self.torches[place]

    def wheel(self, path: str) -> tuple[str, str] | None:
        """Name and version of the installed wheel that ships a file of this name; None: none beside it."""
        place = PACKAGES.search(path)
        if place is None:
            return None
        installed = self._installed(place["site"] or place["above"])
        for name in providers(path):
            start = name.replace("-", "_") + "-"
            found = next((entry for entry in installed if entry.lower().startswith(start)), None)
            if found is not None:
                return name, found[len(start) :].removesuffix(".dist-info")
        return None

    def _installed(self, site: str) -> tuple[str, ...]:
        if site not in self.wheels:
            try:
                names: Iterable[str] = self.host.list(self.root + site)
            except OSError:
                names = ()
            self.wheels[site] = tuple(name for name in names if name.endswith(".dist-info"))
        return self.wheels[site]

    def owner(self, path: str) -> str:
        """Who brought it."""
        if DRIVER.search(path):
            return "the driver"
        place = PACKAGES.search(path)
        package = place and (place["package"] or place["known"])
        if package == "torch":
            return f"torch {self.torch(path).get('__version__', '')}".rstrip()
        wheel = self.wheel(path)
        if wheel is not None:
            return " ".join(wheel)
        if package:
            return package
        prefix = path.partition("/lib/")[0]
        with_conda = self._is_there(f"{prefix}/conda-meta")
        return (
            "conda" if with_conda else "system" if path.startswith(("/usr/", "/lib", "/opt/", "/nix/")) else "unknown"
        )

    def _is_there(self, path: str) -> bool:
        try:
            return self.host.exists(self.root + path)
        except OSError:
            return False


def _constants(text: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        match = re.search(CONSTANT % re.escape(name), text, re.MULTILINE)
        if match is not None:
            yield name, match[1] or match[2] or ""
