"""Whose each loaded library is, and why the loader took that file."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence, Set
from typing import Literal

from envdoctor.collect.api import collector
from envdoctor.collect.host import Host
from envdoctor.collect.loader import Elf, Search, read_elf
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
    reasons = Reasons(host, mapped_files.files, interpreter)
    mapped = {os.path.realpath(file.path) for file in mapped_files.files}
    return LoadedLibraries(
        libraries=tuple(_explained(file, owners, reasons, mapped) for file in mapped_files.files),
        complete=mapped_files.complete,
    )


def _explained(file: MappedFile, owners: Owners, reasons: Reasons, mapped: Set[str]) -> LoadedLibrary:
    kind, owner = owners.of(file.path)
    reason, bundled = reasons.of(file.path), owners.bundled(file.path)
    return LoadedLibrary(
        name=family_of(file.path) or os.path.basename(file.path),
        path=file.path,
        version=file.version,
        owner=reason if kind == "unknown" and reason == "LD_LIBRARY_PATH" else owner,
        owner_kind=kind,
        reason=reason,
        # Where torch's own is mapped too, this one came by path for somebody else, and hides nothing from torch.
        bundled="" if os.path.realpath(bundled) in mapped else bundled,
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

    def of(self, path: str) -> tuple[OwnerKind, str]:
        """The kind of owner and its name."""
        if self.site and path.startswith(f"{self.site}/torch/"):
            return "torch", self.torch
        if DRIVER.search(path):
            return "driver", "the driver"
        wheel = re.search(r"/(?:site|dist)-packages/(?P<package>[^/]+)/", path)
        if wheel:
            return "wheel", self._wheel(path) or wheel["package"]
        if self.conda and path.startswith(f"{self.conda}/"):
            return "conda", self._conda_package(path)
        if path.startswith(("/usr/", "/lib", "/opt/", "/nix/", "/gnu/")):
            return "system", "system"
        return "unknown", "unknown"

    def _wheel(self, path: str) -> str | None:
        """The installed wheel that ships a file of this name; None: none is known to."""
        for name in providers(path):
            dist = self.packages.get(name) if self.packages else None
            if dist is not None and path.startswith(os.path.realpath(dist.location) + "/nvidia/"):
                return f"{dist.name} {dist.version}"
        return None

    def _conda_package(self, path: str) -> str:
        """conda's name for what ships a library is its family's, more or less."""
        family = (family_of(path) or "").partition("_")[0].lower()
        for name in (family, f"lib{family}", f"cuda-{family}", "cudatoolkit"):
            found = self.packages.get(f"conda:{name}") if self.packages else None
            if found is not None:
                return f"conda {name} {found.version}"
        return "conda"

    def bundled(self, path: str) -> str:
        """The copy that came with torch and did not win; empty: this is it, or there is none."""
        own = self.bundle.get(os.path.basename(path))
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

    def __init__(self, host: Host, files: Sequence[MappedFile], interpreter: Interpreter | None) -> None:
        self.search = Search(host, interpreter)
        self.elves = {file.path: elf for file in files if (elf := read_elf(file.path)) is not None}
        self.requirers: dict[str, list[Elf]] = {}
        for elf in self.elves.values():
            for name in elf.needed:
                self.requirers.setdefault(name, []).append(elf)
        self.preloaded = host.environ.get("LD_PRELOAD", "")

    def of(self, path: str) -> str:
        """Why this file: the first step, over all objects that need it, that leads to it."""
        if os.path.basename(path) in self.preloaded:
            return "LD_PRELOAD"
        for name in self._names(path):
            for requirer in (*self.requirers.get(name, ()), *self._opens(name)):
                found = self.search.find(name, requirer, self._above(requirer))
                if found is not None and _same(found[0], path):
                    return found[1].why
        return "loaded by path"

    def _names(self, path: str) -> Iterable[str]:
        """What others may call it: its soname, and its file name (a repaired wheel's have a hash that the soname lacks)."""
        elf = self.elves.get(path)
        return dict.fromkeys(((elf.soname if elf else None) or os.path.basename(path), os.path.basename(path)))

    def _opens(self, name: str) -> list[Elf]:
        """Who opens a library that nobody needs: cuDNN its parts, libcudart and libtorch the driver."""
        opener = "libcudnn.so" if name.startswith("libcudnn_") else "libcudart.so" if name == "libcuda.so.1" else None
        if opener is None:
            return []
        return [elf for path, elf in self.elves.items() if os.path.basename(path).startswith(opener)]

    def _above(self, requirer: Elf) -> Iterable[Elf]:
        return self.requirers.get(requirer.soname or os.path.basename(requirer.path), ())
