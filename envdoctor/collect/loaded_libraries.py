"""Whose each loaded library is, and why the loader took that file."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence, Set
from typing import Literal

from envdoctor.collect.api import collector
from envdoctor.collect.host import Host
from envdoctor.collect.loader import Elf, Search, openers_of, read_elf
from envdoctor.facts import (
    Interpreter,
    LoadedLibraries,
    LoadedLibrary,
    MappedFile,
    MappedFiles,
    Packages,
    TorchInstall,
)
from envdoctor.knowledge.libraries import family_of, providers

OwnerKind = Literal["torch", "wheel", "conda", "system", "driver", "unknown"]

DRIVER = re.compile(r"/lib(cuda|nvidia-[\w-]+)\.so")


@collector(quick=False)
def loaded_libraries(
    host: Host,
    mapped_files: MappedFiles,
    torch_install: TorchInstall | None,
    packages: Packages | None,
    interpreter: Interpreter | None,
) -> LoadedLibraries:
    """Every mapped NVIDIA and torch library with its owner, the loader's reason, and the bundled copy that did not win."""
    owners = Owners(torch_install, packages, interpreter)
    reasons = Reasons(host, mapped_files.files, interpreter, owners.site)
    mapped = {os.path.realpath(file.path) for file in mapped_files.files}
    return LoadedLibraries(
        libraries=tuple(_explained(file, owners, reasons, mapped) for file in mapped_files.files),
        complete=mapped_files.complete,
    )


def _explained(file: MappedFile, owners: Owners, reasons: Reasons, mapped: Set[str]) -> LoadedLibrary:
    kind, owner = owners.of(file.path, file.version)
    reason, bundled = reasons.of(file.path), owners.bundled(file.path, *reasons.names(file.path))
    return LoadedLibrary(
        name=family_of(file.path) or os.path.basename(file.path),
        path=file.path,
        version=file.version,
        owner=reason if kind == "unknown" and reason == "LD_LIBRARY_PATH" else owner,
        owner_kind=kind,
        reason=reason,
        # Where torch's own is mapped too, this one came by path for somebody else, and hides nothing from torch; but
        # what is preloaded stands before all others when symbols are looked up.
        bundled="" if os.path.realpath(bundled) in mapped and reason != "LD_PRELOAD" else bundled,
        sources=file.sources,
    )


class Owners:
    """Who brought a file."""

    def __init__(
        self, install: TorchInstall | None, packages: Packages | None, interpreter: Interpreter | None
    ) -> None:
        # The memory map has real paths; an environment behind a symbolic link has another name for itself.
        self.site = os.path.realpath(install.location) if install and install.location else None
        self.torch = f"torch {install.version}" if install and install.version else "torch"
        self.packages = packages
        known = (
            {os.path.realpath(dist.location) for dist in packages.distributions if dist.location} if packages else set()
        )
        self.places = known | ({self.site} if self.site else set())
        conda = interpreter.conda_prefix if interpreter else None
        self.conda = os.path.realpath(conda) if conda else None
        self.bundle = self._bundle()

    def _bundle(self) -> dict[str, str]:
        """File name to path of everything that came with this torch."""
        if not self.site:
            return {}
        root = glob.escape(self.site)
        found = sorted(glob.glob(f"{root}/nvidia/*/lib/lib*.so*") + glob.glob(f"{root}/torch/lib/lib*.so*"))
        if self.conda and self.packages and (self.packages.get("conda:pytorch") or self.packages.get("conda:libtorch")):
            beside = glob.glob(f"{glob.escape(self.conda)}/lib/lib*.so*")
            found = [*filter(family_of, beside), *found]
        return {os.path.basename(path): path for path in found}

    def of(self, path: str, version: str | None) -> tuple[OwnerKind, str]:
        """The kind of owner and its name; what the library answers decides between wheels that ship the same file."""
        if self.site and path.startswith(f"{self.site}/torch/"):
            return "torch", self.torch
        if DRIVER.search(path):
            return "driver", "the driver"
        wheel = re.match(r"(?P<site>.*/(?:site|dist)-packages)/(?P<package>[^/]+)/", path)
        if wheel and self.places and wheel["site"] not in self.places:
            return "unknown", "another environment"
        if wheel:
            return "wheel", self._wheel(path, version) or wheel["package"]
        if self.conda and path.startswith(f"{self.conda}/"):
            return "conda", self._conda_package(path)
        if path.startswith(("/usr/", "/lib", "/opt/", "/nix/", "/gnu/")):
            return "system", "system"
        return "unknown", "unknown"

    def _wheel(self, path: str, version: str | None) -> str | None:
        """The installed wheel that ships a file of this name; None: none is known to."""
        dists = (self.packages.get(name) for name in providers(path)) if self.packages else ()
        found = [dist for dist in dists if dist and path.startswith(os.path.realpath(dist.location) + "/nvidia/")]
        found.sort(key=lambda dist: not f"{dist.version}.".startswith(f"{version}."))
        return f"{found[0].name} {found[0].version}" if found else None

    def _conda_package(self, path: str) -> str:
        """conda's name for what ships a library is its family's, more or less."""
        family = (family_of(path) or "").partition("_")[0].lower()
        for name in (family, f"lib{family}", f"cuda-{family}", "cudatoolkit"):
            found = self.packages.get(f"conda:{name}") if self.packages else None
            if found is not None:
                return f"conda {name} {found.version}"
        return "conda"

    def bundled(self, path: str, *names: str) -> str:
        """The copy that came with torch and did not win; empty: this is it, or there is none. `names`: what it may be called
        (a toolkit's file is libcudart.so.12.4.127, which others ask for as libcudart.so.12)."""
        own = next((self.bundle[name] for name in names if name in self.bundle), None)
        if own is None or _same(own, path) or (self.site and path.startswith(f"{self.site}/")):
            return ""
        return own


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)


class Reasons:
    """Which step of the loader's search gives the file that is mapped."""

    def __init__(
        self, host: Host, files: Sequence[MappedFile], interpreter: Interpreter | None, site: str | None
    ) -> None:
        self.search = Search(host, interpreter)
        self.opened = {file.path: file.opened_by for file in files if file.opened_by}
        # The kernel places files downwards: the last in the map came first, and who asks first decides which file it is.
        self.elves = {file.path: elf for file in reversed(files) if (elf := read_elf(file.path)) is not None}
        core = (read_elf(path) for path in (glob.glob(f"{glob.escape(site)}/torch/_C.*.so") if site else ()))
        self.requirers: dict[str, list[Elf]] = {}
        for elf in (*self.elves.values(), *filter(None, core)):
            for name in elf.needed:
                self.requirers.setdefault(name, []).append(elf)
        preload = re.split(r"[\s:]+", host.environ.get("LD_PRELOAD", ""))
        self.preloaded = {os.path.realpath(entry) if "/" in entry else entry for entry in preload if entry}

    def of(self, path: str) -> str:
        """Why this file: the first step, over all objects that need it, that leads to it."""
        if self.preloaded.intersection((path, *self.names(path))):
            return "LD_PRELOAD"
        if path in self.opened:
            return f"opened by {self.opened[path]}"
        for name in self.names(path):
            for requirer in (*self._opens(name), *self.requirers.get(name, ()), None):
                found = self.search.find(name, requirer, self._above(requirer) if requirer else ())
                if found is not None and _same(found[0], path):
                    return found[1].why
        return "loaded by path"

    def names(self, path: str) -> Iterable[str]:
        """What others may call it: its soname, and its file name (a repaired wheel's have a hash that the soname lacks)."""
        elf = self.elves.get(path)
        return dict.fromkeys(((elf.soname if elf else None) or os.path.basename(path), os.path.basename(path)))

    def _opens(self, name: str) -> list[Elf]:
        """Who opens a library by its name, at run time."""
        openers = openers_of(name)
        return (
            [elf for path, elf in self.elves.items() if os.path.basename(path).startswith(openers)] if openers else []
        )

    def _above(self, requirer: Elf) -> Iterable[Elf]:
        return self.requirers.get(requirer.soname or os.path.basename(requirer.path), ())
