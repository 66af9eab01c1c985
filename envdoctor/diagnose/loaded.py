"""What checks ask about libraries that were loaded, or missed: whose they are, of which version, and how to get one out of the way."""

from __future__ import annotations

import posixpath
import re
import shlex

from envdoctor.diagnose.api import Finding, Fix
from envdoctor.diagnose.remedy import TORCH_INDEX, pip_install, unset_variable
from envdoctor.facts import (
    Environment,
    Interpreter,
    LoadedLibraries,
    LoadedLibrary,
    MissingLibraries,
    MissingLibrary,
    Packages,
    TorchInstall,
)
from envdoctor.knowledge.libraries import library as library_row
from envdoctor.knowledge.libraries import providers

FILE_NUMBER = re.compile(r"\.so\.(\d+\.\d+(?:\.\d+)+)$")
"""Three numbers or more: libcudart.so.11.0 is that of every CUDA 11."""
SEARCHED = re.compile(r"(?P<folder>.*) \((?P<why>[^()]*)\)")
TOOLKIT = re.compile(r"/(?:usr/local|opt)/cuda[^/]*(?=/)")
LINALG = "libtorch_cuda_linalg.so"
"""Loaded when torch.linalg is first used on a GPU; all else torch needs at its import."""
DRIVER_ONLY = Fix("Install the NVIDIA driver, or pass it into the container: no wheel ships this library")
LEADING_NUMBERS = re.compile(r"\d+(?:\.\d+)*")


def parts(version: str) -> tuple[int, ...]:
    """``9.1.0.70`` as numbers, for comparison; empty where it begins with none."""
    match = LEADING_NUMBERS.match(version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def file_name(path: str) -> str:
    """The last part of a path."""
    return path.rpartition("/")[2]


def folder_of(path: str) -> str:
    """A path without its last part."""
    return path.rpartition("/")[0]


def version_of(library: LoadedLibrary) -> str | None:
    """The version of a loaded library: its own answer, else the number in its file's name or of the wheel that brought it."""
    if library.version:
        return library.version
    named = FILE_NUMBER.search(library.path)
    if named:
        return named[1]
    owner = (library.owner or "").rpartition(" ")[2] if library.owner_kind == "wheel" else ""
    return owner if parts(owner) else None


def with_version(library: LoadedLibrary) -> str:
    """``/opt/old/libcudart.so.12 = 12.4 (LD_LIBRARY_PATH)``: which file, of which version, and what made the loader take it."""
    why = f" ({library.reason})" if library.reason else ""
    return f"{library.path} = {version_of(library) or 'version unknown'}{why}"


def wheel_version(filename: str, packages: Packages | None) -> str | None:
    """The version of the installed wheel that ships a file of this name; None: none is known to."""
    found = (packages.get(name) for name in providers(filename)) if packages is not None else ()
    return next((dist.version for dist in found if dist is not None), None)


def owner_of(filename: str) -> str | None:
    """Whose library a file of this name is: ``cuda``, ``cudnn``, ``nccl``, ``driver``, ``torch``; None: not one of those."""
    row = library_row(filename)
    return row.owner if row is not None else None


def missing_of(missing: MissingLibraries | None, *owners: str) -> tuple[MissingLibrary, ...]:
    """The missed libraries and symbols that belong to one of `owners`."""
    return tuple(one for one in (missing.missing if missing is not None else ()) if owner_of(one.name) in owners)


def taken_copy(missing: MissingLibrary) -> tuple[str, str] | None:
    """The copy that the loader takes, and why: the first folder of its search that has one. None: none has."""
    for searched in missing.searched:
        match = SEARCHED.fullmatch(searched)
        if match is None:
            continue
        copy = next((copy for copy in missing.copies if folder_of(copy) == match["folder"]), None)
        if copy is not None:
            return copy, match["why"]
    return None


def is_torchs_own(path: str, install: TorchInstall | None) -> bool | None:
    """Whether a file lies in torch's folder or in a wheel beside it; None: it is unknown where torch lies."""
    if install is None or not install.location:
        return None
    return path.startswith(f"{install.location.rstrip('/')}/")


def foreign_runtime(loaded: LoadedLibraries | None, torch_cuda: str | None) -> LoadedLibrary | None:
    """The libcudart in the process, where it is of another CUDA than torch was compiled for and came from outside
    torch's environment. Inside it, the packages decide; where torch's own copy is there too, it was shadowed."""
    runtimes = loaded.named("cudart") if loaded is not None else ()
    compiled = parts(torch_cuda or "")[:2]
    if not compiled or any(parts(version_of(one) or "")[:2] == compiled for one in runtimes):
        return None
    foreign = (one for one in runtimes if one.owner_kind in ("system", "unknown") and not one.bundled)
    return next((one for one in foreign if version_of(one)), None)


def short(path: str, room: int) -> str:
    """A path in `room` characters: the toolkit it is of, or folders in its middle give way to ``…``."""
    if len(path) <= room:
        return path
    toolkit = TOOLKIT.match(path)
    if toolkit is not None and len(toolkit[0]) <= room:
        return toolkit[0]
    first, *rest = path.lstrip("/").split("/")
    while len(rest) > 1 and len(first) + len("/".join(rest)) + 4 > room:
        rest = rest[1:]
    shortened = f"/{first}/…/{'/'.join(rest)}"
    return shortened if len(shortened) <= room else "…" + path[1 - room :]


def out_of_the_way(path: str, why: str | None, environment: Environment | None) -> Fix:
    """How to keep the loader from taking `path`, which it found for the reason `why`."""
    folder = folder_of(path)
    if why == "LD_PRELOAD":
        return unset_variable("LD_PRELOAD")
    if why == "LD_LIBRARY_PATH":
        return _leave_library_path(folder, environment)
    if why == "ld.so.cache" and not folder.startswith(("/usr/lib", "/lib")):
        pattern = shlex.quote(f"\\|^{folder}/*$|d")
        command = f"sudo sed -i {pattern} /etc/ld.so.conf /etc/ld.so.conf.d/*.conf && sudo ldconfig"
        return Fix(f"Take {folder} out of the loader's configuration", command)
    if why in ("ld.so.cache", "default path"):
        return Fix(
            f"Remove the package that brought {path}", f"dpkg -S {shlex.quote(path)} || rpm -qf {shlex.quote(path)}"
        )
    return Fix(f"Remove {path}, or whatever makes the process load it")


def _leave_library_path(folder: str, environment: Environment | None) -> Fix:
    value = (environment.get("LD_LIBRARY_PATH") if environment is not None else None) or ""
    entries = value.split(":")
    rest = [entry for entry in entries if entry and posixpath.normpath(entry) != folder]
    if not rest or len(rest) == len([entry for entry in entries if entry]):
        # Not found by its name (a link), or the only one: torch's own libraries need no entry at all.
        return Fix("Unset LD_LIBRARY_PATH: torch finds its own libraries without it", "unset LD_LIBRARY_PATH")
    return Fix(f"Take {folder} out of LD_LIBRARY_PATH", f"export LD_LIBRARY_PATH={shlex.quote(':'.join(rest))}")


def found_nowhere(
    one: MissingLibrary, missing: MissingLibraries | None, interpreter: Interpreter | None, torch_version: str | None
) -> Finding:
    """The finding on a library that the import of torch asked for in vain."""
    needed_by = file_name(one.needed_by or "torch")
    count = len(one.searched)
    where = "the loader does not find it" if count == 0 else f"{count} folders searched lack it"
    where = "1 folder searched lacks it" if count == 1 else where
    elsewhere = f" A copy that no search leads to: {one.copies[0]}." if one.copies else ""
    wanted = one.provider or "torch"
    drivers = owner_of(one.name) == "driver"
    evidence = [one.says("searched", searched) for searched in one.searched[:4]]
    later = needed_by == LINALG
    use = "torch.linalg ends with an error on the GPU" if later else f"torch {torch_version or ''} cannot be imported"
    return Finding(
        title=f"{needed_by} needs {one.name}; {where}",
        severity="warning" if later else "error",
        detail=f"{use} without it.{elsewhere}".replace("  ", " "),
        evidence=(
            *((missing.says("missing", f"{one.name}: not found"),) if missing is not None else ()),
            *(one.says("copies", copy) for copy in one.copies[:2]),
            *evidence,
        ),
        fix=(DRIVER_ONLY,)
        if drivers
        else (
            Fix(
                f"Install {wanted}, which ships it",
                pip_install(interpreter, wanted, reinstall=True, alone=wanted != "torch"),
            ),
            *_whole_torch(interpreter, torch_version),
        ),
        # Who has no libcuda has no driver, and other checks say why; this is what is left when they cannot.
        confidence="likely" if drivers else "certain",
    )


def _whole_torch(interpreter: Interpreter | None, version: str | None) -> tuple[Fix, ...]:
    """Reinstall torch with all that it pins, from the index that has this build."""
    if not version:
        return ()
    number, _, variant = version.partition("+")
    index = f"{TORCH_INDEX}{variant}" if re.fullmatch(r"cu\d+", variant) else None
    command = pip_install(interpreter, f"torch=={number}", reinstall=True, index=index)
    return (Fix(f"Or reinstall torch {version} with all that it needs", command),)


def reinstall_pin(interpreter: Interpreter | None, install: TorchInstall | None, family: str) -> Fix:
    """Put back the wheel of a library (``cudnn``, ``nccl``) that torch's metadata asks for."""
    pins = install.pins if install is not None and install.pins else ()
    pin = next((pin for pin in pins if family in pin.name), None)
    wanted = f"{pin.name}{pin.specifier}" if pin is not None else "torch"
    return Fix(f"Reinstall {wanted}", pip_install(interpreter, wanted, reinstall=True, alone=pin is not None))
