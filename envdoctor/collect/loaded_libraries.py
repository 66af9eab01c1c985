"""Whose each loaded library is, and why the loader took that file."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
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
    return LoadedLibraries(
        libraries=tuple(_explained(file, owners, reasons) for file in mapped_files.files),
        complete=mapped_files.complete,
    )


def _explained(file: MappedFile, owners: Owners, reasons: Reasons) -> LoadedLibrary:
    kind, owner = owners.of(file.path)
    return LoadedLibrary(
        name=family_of(file.path) or os.path.basename(file.path),
        path=file.path,
        version=file.version,
        owner=owner,
        owner_kind=kind,
        reason=reasons.of(file.path),
        bundled=owners.bundled(file.path),
    )


class Owners:
    """Who brought a file."""

    def __init__(
        self, install: TorchInstall | None, packages: Packages | None, interpreter: Interpreter | None
    ) -> None:
        self.site = install.location if install else None
        self.torch = f"torch {install.version}" if install and install.version else "torch"
        self.packages = packages
        self.conda = interpreter.conda_prefix if interpreter else None
        self.bundle = self._bundle()

    def _bundle(self) -> dict[str, str]:
        """File name to path of everything that came with this torch."""
        if not self.site:
            return {}
        root = glob.escape(self.site)
        found = glob.glob(f"{root}/nvidia/*/lib/lib*.so*") + glob.glob(f"{root}/torch/lib/lib*.so*")
        return {os.path.basename(path): path for path in sorted(found)}

    def of(self, path: str) -> tuple[OwnerKind, str]:
        """The kind of owner and its name."""
        if self.site and path.startswith(f"{self.site}/torch/"):
            return "torch", self.torch
        if DRIVER.search(path):
            return "driver", "the driver"
        wheel = re.search(r"/(?:site|dist)-packages/nvidia/", path)
        if wheel:
            return "wheel", self._wheel(path)
        if self.conda and path.startswith(f"{self.conda}/"):
            return "conda", "conda"
        if path.startswith(("/usr/", "/lib", "/opt/", "/nix/", "/gnu/")):
            return "system", "system"
        return "unknown", "unknown"

    def _wheel(self, path: str) -> str:
        for name in providers(path):
            dist = self.packages.get(name) if self.packages else None
            if dist is not None and path.startswith(dist.location + "/"):
                return f"{dist.name} {dist.version}"
        return "a wheel"

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
        machine = (interpreter.machine if interpreter else None) or "x86_64"
        self.search = Search(host, machine)
        self.elves = {file.path: elf for file in files if (elf := read_elf(file.path)) is not None}
        self.requirers: dict[str, list[Elf]] = {}
        for elf in self.elves.values():
            for name in elf.needed:
                self.requirers.setdefault(name, []).append(elf)
        self.preloaded = host.environ.get("LD_PRELOAD", "")

    def of(self, path: str) -> str:
        """Why this file: the first step, over all objects that need it, that leads to it."""
        name = self._soname(path)
        if os.path.basename(path) in self.preloaded:
            return "LD_PRELOAD"
        requirers = self.requirers.get(name, []) or self._opens(name)
        for requirer in requirers:
            for step in self.search.steps(name, requirer, self._above(requirer)):
                candidate = os.path.join(step.folder, name)
                if os.path.exists(candidate):
                    if _same(candidate, path):
                        return step.why
                    break
        return "loaded by path"

    def _soname(self, path: str) -> str:
        elf = self.elves.get(path)
        return (elf.soname if elf else None) or os.path.basename(path)

    def _opens(self, name: str) -> list[Elf]:
        """Who opens a library that nobody needs: cuDNN its parts, libcudart and libtorch the driver."""
        opener = "libcudnn.so" if name.startswith("libcudnn_") else "libcudart.so" if name == "libcuda.so.1" else None
        if opener is None:
            return []
        return [elf for path, elf in self.elves.items() if os.path.basename(path).startswith(opener)]

    def _above(self, requirer: Elf) -> Iterable[Elf]:
        return self.requirers.get(requirer.soname or os.path.basename(requirer.path), ())
