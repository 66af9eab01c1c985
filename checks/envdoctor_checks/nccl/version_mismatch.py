"""nccl.version-mismatch"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.loaded import (
    file_name,
    is_torchs_own,
    missing_of,
    out_of_the_way,
    parts,
    reinstall_pin,
    short,
    taken_copy,
    with_version,
)
from envdoctor.diagnose.predicates import torch_version
from envdoctor.diagnose.said import confidence_of, pointing_at, quoted
from envdoctor.facts import (
    Environment,
    Interpreter,
    LoadedLibraries,
    Messages,
    MissingLibraries,
    MissingLibrary,
    Packages,
    TorchInstall,
    TorchRuntime,
)


@check(
    "nccl.version-mismatch",
    fields=("loaded_libraries.libraries|missing_libraries.missing|messages.messages",),
    explains=("torch.import-fails", "nccl.transport"),
)
def version_mismatch(
    loaded_libraries: LoadedLibraries | None,
    missing_libraries: MissingLibraries | None,
    messages: Messages | None,
    torch_runtime: TorchRuntime | None,
    torch_install: TorchInstall | None,
    packages: Packages | None,
    interpreter: Interpreter | None,
    environment: Environment | None,
) -> Iterator[Finding]:
    """The NCCL that is loaded is older than the one torch was compiled with, or differs between ranks.

    What it means:
    torch calls the NCCL it was compiled with. An older one lacks functions, so that `import torch` ends with "undefined symbol: nccl…";
    a newer one is fine. Ranks that load different NCCL versions cannot talk to each other.

    How to confirm it by hand:
    `python -c 'import torch; print(torch.cuda.nccl.version())'` is the compiled version; `NCCL_DEBUG=VERSION` prints the loaded one;
    `pip list | grep nccl` shows whether two wheels (cu11, cu12, cu13) wrote the same file.

    Ways out:
    Install the NCCL wheel that torch pins, and remove others; take folders with another libnccl.so.2 out of LD_LIBRARY_PATH and
    LD_PRELOAD. For ranks that differ: the same image, or the same lock file, on every machine.

    Often mistaken for:
    A broken torch: the missing function is named nccl…, so it is NCCL that is too old. A network fault (nccl.transport).
    """
    again = reinstall_pin(interpreter, torch_install, "nccl")
    symbol = next((m for m in missing_of(missing_libraries, "nccl") if m.kind != "library"), None)
    if symbol is not None:
        yield _lacks(symbol, missing_libraries, loaded_libraries, torch_install, packages, environment, again)
        return
    said = next(iter(pointing_at(messages, "nccl.version-mismatch")), None)
    older = _older(loaded_libraries, torch_runtime, torch_install, again)
    if older is not None:
        yield older
    elif said is not None and messages is not None:
        yield Finding(
            title=f"NCCL versions differ: {quoted(said, 76)}",
            evidence=(messages.says("messages", said.text),),
            fix=(again, Fix("Compare the version on every machine", "pip list | grep -i nccl")),
            confidence=confidence_of(said),
        )


def _older(
    loaded: LoadedLibraries | None, runtime: TorchRuntime | None, install: TorchInstall | None, again: Fix
) -> Finding | None:
    """A loaded NCCL with a lower major.minor than the compiled one: whatever NCCL added since is not there."""
    compiled = (runtime.nccl_compiled if runtime is not None else None) or ""
    library = next((one for one in (loaded.named("nccl") if loaded is not None else ()) if one.version), None)
    if library is None or not compiled or parts(library.version or "")[:2] >= parts(compiled)[:2]:
        return None
    build = torch_version(install, runtime) or "of this environment"
    return Finding(
        title=f"NCCL {library.version} is loaded; torch {build} was compiled with {compiled}",
        severity="warning",
        detail=f"{library.path} was loaded. One GPU works without NCCL; several GPUs lack what NCCL added since.",
        evidence=(
            library.says("path", with_version(library)),
            *((runtime.says("nccl_compiled"),) if runtime is not None else ()),
        ),
        fix=(again,),
    )


def _lacks(
    symbol: MissingLibrary,
    missing: MissingLibraries | None,
    loaded: LoadedLibraries | None,
    install: TorchInstall | None,
    packages: Packages | None,
    environment: Environment | None,
    again: Fix,
) -> Finding:
    """The import that ended with an undefined nccl… symbol."""
    copies = loaded.named("nccl") if loaded is not None else ()
    foreign = (
        one for one in copies if is_torchs_own(one.path, install) is False
    )  # of two, the one in front is at fault
    mapped = next(foreign, None) or next(iter(copies), None)
    if mapped is not None:  # what is in the process decides over what the search gives: LD_PRELOAD comes before it
        path, why, number = mapped.path, mapped.reason or "unknown", mapped.version
    else:
        path, why = taken_copy(symbol) or (next(iter(symbol.copies), symbol.name), "unknown")
        number = _misfit(path, install)
    own = is_torchs_own(path, install)
    needed_by = file_name(symbol.needed_by or "torch")
    copy = f"NCCL {number}" if number else short(path, 45)
    wheels = [
        f"{dist.name} {dist.version}" for dist in (packages.distributions if packages else ()) if "nccl" in dist.name
    ]
    return Finding(
        title=f"{needed_by} calls {symbol.symbol}; {copy} does not have it",
        detail=f"The loader took {path} ({why}), an older NCCL than torch was compiled with.",
        evidence=(
            *(
                (missing.says("missing", f"{needed_by}: undefined symbol: {symbol.symbol}"),)
                if missing is not None
                else ()
            ),
            symbol.says("copies", f"{path} ({why})"),
            *(packages.says("distributions", wheel) for wheel in wheels if packages is not None),
        ),
        fix=(again,) if own else (out_of_the_way(path, why, environment), again),
    )


def _misfit(path: str, install: TorchInstall | None) -> str | None:
    """The version of torch's own NCCL wheel, where it is not the pinned one. Where it is, its file was overwritten: no number holds."""
    pins = install.pins if install is not None and install.pins else ()
    pin = next((pin for pin in pins if "nccl" in pin.name), None)
    wrong = pin is not None and bool(pin.installed) and not pin.satisfied
    return pin.installed if pin is not None and wrong and is_torchs_own(path, install) else None
