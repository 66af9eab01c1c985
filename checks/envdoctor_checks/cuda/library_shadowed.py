"""cuda.library-shadowed"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, Severity, check
from envdoctor.diagnose.loaded import (
    file_name,
    folder_of,
    is_torchs_own,
    out_of_the_way,
    parts,
    reinstall_pin,
    short,
    taken_copy,
    version_of,
    wheel_version,
    with_version,
)
from envdoctor.diagnose.predicates import torch_works
from envdoctor.diagnose.said import confidence_of, pointing_at, quoted
from envdoctor.facts import (
    Environment,
    Interpreter,
    LoadedLibraries,
    LoadedLibrary,
    Messages,
    MissingLibraries,
    MissingLibrary,
    Packages,
    TorchInstall,
    TorchRuntime,
)

WEAKER: dict[Severity, Severity] = {"error": "warning", "warning": "info", "info": "info"}
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@check(
    "cuda.library-shadowed",
    fields=("loaded_libraries.libraries|missing_libraries.missing|messages.messages",),
    explains=("torch.import-fails", "cudnn.version-mismatch", "nccl.version-mismatch", "cuda.runtime-mismatch"),
)
def library_shadowed(
    loaded_libraries: LoadedLibraries | None,
    missing_libraries: MissingLibraries | None,
    messages: Messages | None,
    torch_runtime: TorchRuntime | None,
    torch_install: TorchInstall | None,
    packages: Packages | None,
    interpreter: Interpreter | None,
    environment: Environment | None,
) -> Iterator[Finding]:
    """Another copy of a CUDA library was loaded in place of the one that came with torch.

    What it means:
    torch's wheels bring cuBLAS, cuDNN, NCCL, nvJitLink and the others in the versions they were built with. A folder on
    LD_LIBRARY_PATH, in the loader's configuration or in LD_PRELOAD has a file of the same name, and the loader took that one. An older
    one lacks functions ("undefined symbol"); parts of cuDNN from two releases do not work together; a newer one mostly does.

    How to confirm it by hand:
    `LD_DEBUG=libs python -c 'import torch' 2>&1 | grep 'calling init'` shows every file that is loaded.

    Ways out:
    Take the folder out of LD_LIBRARY_PATH: torch's wheels need no entry there. If another program needs it, set it for that one only.

    Often mistaken for:
    A broken torch, which a reinstallation does not mend. A folder on LD_LIBRARY_PATH alone is harmless where torch's libraries are found
    by DT_RPATH, which comes first: only what is really loaded counts.
    """
    for symbol in missing_libraries.missing if missing_libraries is not None else ():
        taken = taken_copy(symbol) if symbol.kind != "library" else None
        if taken is not None and is_torchs_own(taken[0], torch_install) is False:
            yield _lacks(symbol, taken, missing_libraries, torch_install, environment)
            return
    shadowed = [one for one in (loaded_libraries.libraries if loaded_libraries is not None else ()) if one.bundled]
    weighed = [(_severity(one, packages, torch_runtime), one) for one in shadowed]
    for folder in dict.fromkeys(folder_of(one.path) for one in shadowed):
        here = [(weight, one) for weight, one in weighed if folder_of(one.path) == folder]
        yield _finding(sorted(here, key=lambda pair: SEVERITIES.index(pair[0])), packages, environment)
    if loaded_libraries is not None and not loaded_libraries.complete and not shadowed:
        yield from _from_the_machine(loaded_libraries, environment)
    said = next(iter(pointing_at(messages, "cuda.library-shadowed")), None)
    if loaded_libraries is None and missing_libraries is None and messages is not None and said is not None:
        yield Finding(
            title=f"Another copy of a CUDA library wins over torch's: {quoted(said, 48)}",
            evidence=(messages.says("messages", said.text),),
            fix=(
                Fix("Run without LD_LIBRARY_PATH: torch finds its own libraries without it", "unset LD_LIBRARY_PATH"),
                reinstall_pin(interpreter, torch_install, "nvjitlink"),
            ),
            confidence=confidence_of(said),
        )


def _from_the_machine(loaded: LoadedLibraries, environment: Environment | None) -> Iterator[Finding]:
    """Of a report that shows only some lookups: a library of the machine that was taken in place of torch's own."""
    for one in loaded.libraries:
        if one.owner_kind == "system" and one.reason is not None and one.name != "cuda":
            yield Finding(
                title=f"{short(one.path, 60)} is loaded by {one.reason} in place of torch's own",
                detail="The wheels bring their own copy, of the version that they were built with.",
                evidence=(one.says("path"),),
                fix=(out_of_the_way(one.path, one.reason, environment),),
                confidence="likely",
            )
            return


def _severity(library: LoadedLibrary, packages: Packages | None, runtime: TorchRuntime | None) -> Severity:
    """Older or of another major: error; newer, or of unknown version: warning; each one milder where torch was seen to work."""
    got, own = parts(version_of(library) or ""), parts(wheel_version(library.bundled or "", packages) or "")
    length = min(len(got), len(own))
    if length and got[:length] == own[:length]:
        return "info"
    harmful = bool(length) and (got[0] != own[0] or got[:length] < own[:length])
    severity: Severity = "error" if harmful else "warning"
    return WEAKER[severity] if torch_works(runtime) else severity


def _finding(
    here: list[tuple[Severity, LoadedLibrary]], packages: Packages | None, environment: Environment | None
) -> Finding:
    """One finding on all that one folder put in front."""
    severity, worst = here[0]
    name, folder = file_name(worst.path), folder_of(worst.path)
    got = version_of(worst)
    own = wheel_version(worst.bundled or "", packages)
    more = f" (+{len(here) - 1})" if len(here) > 1 else ""
    begin = f"{name} {got or ''}".strip() + more
    end = f"won over torch's {own or 'own'} ({worst.reason or 'reason unknown'})"
    return Finding(
        title=f"{begin} of {short(folder, max(12, 100 - len(begin) - len(end) - 5))} {end}",
        severity=severity,
        detail="torch was built with the versions it brings; what was loaded in their place decides whether it works.",
        evidence=tuple(one.says("path", f"{with_version(one)}; torch's own: {one.bundled}") for _, one in here[:6]),
        fix=(out_of_the_way(worst.path, worst.reason, environment),),
    )


def _lacks(
    symbol: MissingLibrary,
    taken: tuple[str, str],
    missing: MissingLibraries | None,
    install: TorchInstall | None,
    environment: Environment | None,
) -> Finding:
    """The import ended with a symbol that the foreign copy does not have."""
    path, why = taken
    wanted = symbol.symbol or "what is asked of it"
    own = next((copy for copy in symbol.copies if is_torchs_own(copy, install)), None)
    begin, end = f"{file_name(path)} of", f"({why}) lacks {wanted}"
    return Finding(
        title=f"{begin} {short(folder_of(path), max(12, 98 - len(begin) - len(end)))} {end}",
        detail=f"The loader took {path}." + (f" torch's own copy, {own}, was not loaded." if own else ""),
        evidence=(
            *(
                (missing.says("missing", f"{symbol.needed_by}: undefined symbol: {wanted}"),)
                if missing is not None
                else ()
            ),
            *(symbol.says("copies", copy) for copy in symbol.copies[:3]),
        ),
        fix=(out_of_the_way(path, why, environment),),
    )
