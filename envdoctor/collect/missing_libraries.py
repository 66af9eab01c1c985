"""Libraries that the import of torch asked for in vain: what needs them, where the loader looked, which copies exist."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass

from envdoctor.collect.api import collector
from envdoctor.collect.host import Host
from envdoctor.collect.loader import Elf, Search, exports, openers_of, read_elf
from envdoctor.facts import Interpreter, MappedFiles, MissingLibraries, MissingLibrary, TorchInstall, TorchRuntime
from envdoctor.knowledge.libraries import providers

MISSING = (
    re.compile(r"(?P<name>lib[\w.+-]+\.so(?:\.\w+)*): cannot open shared object file: No such file or directory"),
    re.compile(
        r"Error loading shared library (?P<name>lib[\w.+-]+\.so(?:\.\w+)*): No such file or directory(?: \(needed by (?P<by>[^)]+)\))?"
    ),
    re.compile(r"[Cc]ould not load (?:dynamic )?library '?(?P<name>lib[\w.+-]+\.so(?:\.\w+)*)"),
    re.compile(r"failed to load (?P<name>lib[\w.+-]+\.so(?:\.\w+)*)"),
)
ANY_OF = re.compile(r"Unable to (?:load|find) any of \{(?P<names>[^}\n]+)\}")
"""cuDNN 9 and cuda-bindings name every spelling that they tried."""
NO_SYMBOL = re.compile(
    r"Invalid handle\. Cannot load symbol cudnn\w+|cudnn(?P<part>[A-Z][a-z]+)VersionCheck returned 3009\b"
)
"""cuDNN 9's last words where one of its parts could not be loaded; it does not say which. Newer ones live on and return
CUDNN_STATUS_NOT_SUPPORTED_SUBLIBRARY_UNAVAILABLE."""
PATTERN = re.compile(r"(?P<name>lib\w+)\.so(?:\.\*\[0-9\])+ not found in the system path")
"""torch's own search for the wheels' libraries, which it tries when libtorch_global_deps could not be loaded, gives no number."""
SYMBOL = re.compile(
    r"(?P<by>/[^:\n]+?\.so(?:\.\w+)*): undefined symbol: (?P<symbol>\w+)(?:, version (?P<name>lib[\w.+-]+\.so(?:\.\w+)*))?"
)
RELOCATION = re.compile(r"Error relocating (?P<by>/[^:\n]+): (?P<symbol>\w+): symbol not found")
"""musl's words for it."""
VERSION = re.compile(
    r"(?P<name>/[^:\n]+?\.so(?:\.\w+)*): version [`'](?P<symbol>[^']+)' not found \(required by (?P<by>[^)]+)\)"
)


LINALG = "libtorch_cuda_linalg.so"


@collector(quick=False, when="not with --pid")
def missing_libraries(
    host: Host,
    torch_runtime: TorchRuntime,
    mapped_files: MappedFiles | None,
    torch_install: TorchInstall | None,
    interpreter: Interpreter | None,
) -> MissingLibraries:
    """What the import, and the stages after it, could not find, and what a later use would not; empty: nothing is missing."""
    texts = list(words(torch_runtime))
    asked = list(dict.fromkeys(found for text in texts for found in asked_for(text)))
    unsaid = [match for text in texts for match in NO_SYMBOL.finditer(text)] if not asked else []
    disk = Disk(host, Search(host, interpreter), torch_install)
    if unsaid:
        parts = [f"libcudnn_{match['part'].lower()}.so" for match in unsaid if match["part"]]
        asked = [Asked(name, "library") for name in disk.unresolved("libcudnn") or disk.absent(parts, "libcudnn.so")]
    elif not asked:
        there = (
            {os.path.basename(file.path) for file in mapped_files.files}
            if mapped_files and _imported(torch_runtime)
            else None
        )
        later = disk.wanted_later(there) if there is not None and disk.site else ()
        return MissingLibraries(missing=tuple(map(disk.describe, later)))
    return MissingLibraries(
        missing=tuple(disk.describe(found) for found in asked),
        sources=dict.fromkeys(("missing",), "the error that import torch ended with"),
    )


def _imported(runtime: TorchRuntime) -> bool:
    stage = runtime.stage("import")
    return stage is not None and stage.status == "ok"


@dataclass(frozen=True)
class Asked:
    """What an error message says was not found."""

    name: str | None
    kind: str
    """``library``: there is no such file; ``symbol``, ``version``: it lacks one; ``unloadable``: the one or the other."""
    symbol: str | None = None
    by: str | None = None


def words(runtime: TorchRuntime) -> Iterator[str]:
    """What the failed stages said. One that died said it on stderr; elsewhere stderr is full of what harms nobody."""
    for stage in runtime.stages:
        if stage.status in ("crashed", "hung"):
            yield runtime.stderr or ""
        yield stage.error or ""


def asked_for(text: str) -> Iterator[Asked]:
    """The libraries, symbols and versions that an error message names."""
    for pattern in MISSING:
        for match in pattern.finditer(text):
            yield Asked(match["name"], "library", by=match.groupdict().get("by"))
    for match in ANY_OF.finditer(text):
        names = [name.strip() for name in match["names"].split(",")]
        yield Asked(next((name for name in names if re.search(r"\.so\.\d+$", name)), names[0]), "unloadable")
    for match in PATTERN.finditer(text):
        yield Asked(f"{match['name']}.so", "library")
    for pattern in (SYMBOL, RELOCATION):
        for match in pattern.finditer(text):
            yield Asked(match.groupdict().get("name"), "symbol", match["symbol"], match["by"])
    for match in VERSION.finditer(text):
        yield Asked(os.path.basename(match["name"]), "version", match["symbol"], match["by"])


PREFIXES = {
    "nccl": "libnccl.so",
    "cudnn": "libcudnn.so",
    "cublasLt": "libcublasLt.so",
    "cublas": "libcublas.so",
    "cusparseLt": "libcusparseLt.so",
    "cusparse": "libcusparse.so",
    "cusolver": "libcusolver.so",
    "cufft": "libcufft.so",
    "curand": "libcurand.so",
    "nvrtc": "libnvrtc.so",
    "__nvJitLink": "libnvJitLink.so",
    "nvJitLink": "libnvJitLink.so",
    "__cudaRegister": "libcudart.so",
    "cuda": "libcudart.so",
    "cupti": "libcupti.so",
}
"""The library that exports a symbol, by how the symbol begins; the longer beginnings stand first."""


def library_of_symbol(symbol: str, needed: Iterable[str]) -> str | None:
    """Which of the `needed` libraries ought to have exported `symbol`; None: its name does not tell."""
    for prefix, library in PREFIXES.items():
        if symbol.startswith(prefix):
            return next((name for name in needed if name.startswith(library)), None)
    return None


class Disk:
    """The files that could answer a request."""

    def __init__(self, host: Host, search: Search, install: TorchInstall | None) -> None:
        self.host = host
        self.search = search
        self.install = install
        self.site = install.location if install else None

    def describe(self, asked: Asked) -> MissingLibrary:
        """One request that failed, with who asked, where the loader looked and what lies on disk."""
        by = os.path.realpath(asked.by) if asked.by else None
        requirer = read_elf(by) if by else None
        name = self._numbered(asked.name) if asked.name else None
        if name is None and asked.symbol is not None and requirer is not None:
            name = library_of_symbol(asked.symbol, requirer.needed)
        name = name or "?"
        requirer = requirer or self._requirer(name)
        above = self._above(requirer) if requirer else ()
        folders: dict[str, str] = {}
        for step in self.search.steps(name, requirer, above):
            folders.setdefault(step.folder, step.why)
        taken = self.search.find(name, requirer, above) if asked.kind != "library" else None
        absent = asked.kind == "library" or (asked.kind == "unloadable" and taken is None)
        copies = self._found(name, taken[0] if taken else None, asked.symbol if asked.kind == "symbol" else None)
        return MissingLibrary(
            name=name,
            kind="library" if absent else "symbol" if asked.kind == "symbol" else "version",
            symbol=asked.symbol,
            needed_by=by or (requirer.path if requirer else None),
            searched=tuple(f"{folder} ({why})" for folder, why in folders.items()),
            copies=copies,
            provider=self._provider(name),
        )

    def unresolved(self, beginning: str) -> tuple[str, ...]:
        """What the files called `beginning`… need of each other, and the loader would not find."""
        elves = [
            elf
            for path in self._torch_files()
            if os.path.basename(path).startswith(beginning) and (elf := read_elf(path))
        ]
        wanted = ((name, elf) for elf in elves for name in elf.needed if name.startswith(beginning))
        return tuple(dict.fromkeys(name for name, elf in wanted if self.search.find(name, elf) is None))

    def absent(self, names: Iterable[str], opener: str) -> tuple[str, ...]:
        """Which of `names` (``libcudnn_cnn.so``) the library `opener`, which opens them at run time, would not find."""
        paths = (path for path in self._torch_files() if re.search(rf"/{re.escape(opener)}\.\d+$", path))
        elf = next(filter(None, map(read_elf, paths)), None)
        numbered = (name + elf.path[elf.path.rindex(".") :] for name in names) if elf is not None else ()
        return tuple(name for name in numbered if self.search.find(name, elf) is None)

    def wanted_later(self, mapped: Set[str]) -> Iterator[Asked]:
        """What of the pinned wheels the library of torch.linalg needs, which is loaded at first use, and would not find."""
        elf = read_elf(f"{self.site}/torch/lib/{LINALG}")
        pinned = {pin.name for pin in (self.install.pins or ())} if self.install else set()
        for name in elf.needed if elf is not None else ():
            if name not in mapped and pinned.intersection(providers(name)) and self.search.find(name, elf) is None:
                yield Asked(name, "library", by=f"{self.site}/torch/lib/{LINALG}")

    def _numbered(self, name: str) -> str:
        """``libcudart.so.12`` for ``libcudart.so``: the name that torch's libraries ask for."""
        if not name.endswith(".so"):
            return name
        needed = (one for path in self._torch_files() if (elf := read_elf(path)) is not None for one in elf.needed)
        return next((one for one in needed if one.startswith(f"{name}.")), name)

    def _found(self, name: str, taken: str | None, symbol: str | None) -> tuple[str, ...]:
        """The copies of `name`, each once: the one that the loader took, then those that have `symbol`, then the rest."""
        paths = {os.path.realpath(path): path for path in reversed([*((taken,) if taken else ()), *self._copies(name)])}
        rest = [path for path in reversed(paths.values()) if path != taken]
        if symbol is not None:
            rest.sort(key=lambda path: not exports(path, symbol))
        return (*((taken,) if taken else ()), *rest)

    def _torch_files(self) -> tuple[str, ...]:
        if not self.site:
            return ()
        return tuple(self.host.glob(f"{self.site}/torch/lib/lib*.so*")) + tuple(
            self.host.glob(f"{self.site}/nvidia/*/lib/lib*.so*")
        )

    def _requirer(self, name: str) -> Elf | None:
        """The file of torch, or of its wheels, that needs `name`."""
        first = sorted(self._torch_files(), key=lambda path: "libtorch_cuda.so" not in path)
        needs = (elf for path in first if (elf := read_elf(path)) is not None and name in elf.needed)
        opens = (path for path in first if os.path.basename(path).startswith(openers_of(name) or ("/",)))
        return next(needs, None) or next(filter(None, map(read_elf, opens)), None)

    def _above(self, requirer: Elf) -> tuple[Elf, ...]:
        """libtorch_cuda stands above every library of the wheels: its DT_RPATH holds for those that have no DT_RUNPATH."""
        path = f"{self.site}/torch/lib/libtorch_cuda.so"
        elf = read_elf(path) if self.site and requirer.path != path else None
        return (elf,) if elf is not None else ()

    def _copies(self, name: str) -> Iterator[str]:
        folders = [*self.search.library_path, *self.search.defaults]
        yield from (path for path in self._torch_files() if os.path.basename(path) == name and os.path.exists(path))
        yield from (f"{folder}/{name}" for folder in folders if os.path.exists(f"{folder}/{name}"))
        if name in self.search.cached:
            yield self.search.cached[name]
        for pattern in ("/usr/local/cuda*/lib64", "/usr/local/cuda*/targets/*/lib", "/opt/cuda/lib64"):
            yield from self.host.glob(f"{pattern}/{name}")
        prefix = self.host.environ.get("CONDA_PREFIX")
        if prefix and os.path.exists(f"{prefix}/lib/{name}"):
            yield f"{prefix}/lib/{name}"

    def _provider(self, name: str) -> str | None:
        """The distribution that ships `name`, as torch's own metadata pins it."""
        wheels = providers(name)
        for pin in (self.install.pins or ()) if self.install else ():
            if pin.name in wheels:
                return pin.name + pin.specifier
        return wheels[0] if wheels else None
