"""cudnn.version-mismatch"""

from __future__ import annotations

import re
from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, check
from envdoctor.diagnose.loaded import (
    file_name,
    folder_of,
    is_torchs_own,
    missing_of,
    out_of_the_way,
    owner_of,
    parts,
    reinstall_pin,
    short,
    version_of,
    with_version,
)
from envdoctor.diagnose.predicates import torch_version
from envdoctor.diagnose.said import confidence_of, pointing_at, quoted
from envdoctor.facts import (
    Environment,
    Interpreter,
    LoadedLibraries,
    LoadedLibrary,
    Message,
    Messages,
    MissingLibraries,
    TorchInstall,
    TorchRuntime,
)

TORCHS_WORDS = re.compile(
    r"compiled\s+against \((?P<compiled>[\d, ]+)\) but found runtime version \((?P<found>[\d, ]+)\)"
)


@check(
    "cudnn.version-mismatch",
    fields=("torch_runtime.stages|loaded_libraries.libraries|missing_libraries.missing|messages.messages",),
    explains=("torch.import-fails",),
)
def version_mismatch(
    torch_runtime: TorchRuntime | None,
    loaded_libraries: LoadedLibraries | None,
    missing_libraries: MissingLibraries | None,
    messages: Messages | None,
    torch_install: TorchInstall | None,
    interpreter: Interpreter | None,
    environment: Environment | None,
) -> Iterator[Finding]:
    """The cuDNN that is loaded does not fit the one torch was compiled with, or its parts are of different releases.

    What it means:
    torch accepts a cuDNN of the same major and the same or a newer minor version. And cuDNN is a set of files (libcudnn, libcudnn_graph,
    libcudnn_ops …) that must be of one release: when a folder on LD_LIBRARY_PATH or in the loader's configuration has another cuDNN,
    part of the set can come from there. The first convolution then fails, or the process is ended.

    How to confirm it by hand:
    `python -c 'import torch; print(torch.backends.cudnn.version())'` raises where torch refuses it;
    `LD_DEBUG=libs python -c 'import torch; torch.backends.cudnn.version()' 2>&1 | grep 'calling init.*cudnn'` shows every file.

    Ways out:
    Take the other cuDNN out of LD_LIBRARY_PATH, or remove its package; install the cuDNN wheel that torch pins.

    Often mistaken for:
    A full GPU memory, which also ends in CUDNN_STATUS_NOT_INITIALIZED. A newer minor cuDNN is no mismatch.
    """
    build = torch_version(torch_install, torch_runtime) or "here"
    again = reinstall_pin(interpreter, torch_install, "cudnn")
    refused = _refused(torch_runtime, loaded_libraries)
    mixed = _mixed(loaded_libraries)
    symbol = next((one for one in missing_of(missing_libraries, "cudnn") if one.kind != "library"), None)
    if refused is not None:
        found, compiled = refused
        main = next(iter(loaded_libraries.named("cudnn")), None) if loaded_libraries is not None else None
        foreign = _foreign(loaded_libraries)
        ways = (out_of_the_way(foreign.path, foreign.reason, environment), again) if foreign is not None else (again,)
        yield Finding(
            title=f"cuDNN {found} is loaded; torch {build} was compiled with cuDNN {compiled}",
            detail="torch refuses a cuDNN of another major version, or of a lower minor version.",
            evidence=(
                *((torch_runtime.says("cudnn_compiled", f"compiled with cuDNN {compiled}"),) if torch_runtime else ()),
                *((torch_runtime.says("cudnn_loaded", f"finds cuDNN {found}"),) if torch_runtime else ()),
                *((main.says("path", with_version(main)),) if main is not None else ()),
            ),
            fix=ways,
        )
    elif mixed is not None:
        main, part = mixed
        yield Finding(
            title=f"libcudnn is {version_of(main)}; {file_name(part.path)} is {version_of(part)} from "
            f"{short(folder_of(part.path), 35)}",
            detail="The parts of cuDNN must be of one release; mixed, the first convolution fails or ends the process.",
            evidence=tuple(one.says("path", with_version(one)) for one in (main, part)),
            # Torch's own files are to be of one release again; whatever else was taken is to go.
            fix=(again,)
            if is_torchs_own(part.path, torch_install)
            else (out_of_the_way(part.path, part.reason, environment), again),
        )
    elif symbol is not None:
        by = file_name(symbol.needed_by or "torch")
        words = " ".join(((torch_runtime.stderr if torch_runtime is not None else None) or "").split())
        calls = f"{by} calls {symbol.symbol}; {symbol.name} lacks it"
        yield Finding(
            title=calls if symbol.symbol else f"{by} finds {symbol.name} and cannot load it",
            detail="The parts of cuDNN that were found are not of one release, or damaged."
            if symbol.symbol is None
            else "The parts of cuDNN that were found are not of one release.",
            evidence=(
                *((torch_runtime.says("stderr", words[-300:]),) if torch_runtime is not None and words else ()),
                *(symbol.says("copies", copy) for copy in symbol.copies[:3]),
            ),
            fix=(again,),
        )
    elif messages is not None and (said := _decisive(messages, loaded_libraries)) is not None:
        yield Finding(
            title=f"cuDNN does not fit: {quoted(said, 78)}",
            evidence=(messages.says("messages", said.text),),
            fix=(again,),
            confidence=confidence_of(said),
        )


def _decisive(messages: Messages, loaded: LoadedLibraries | None) -> Message | None:
    """A message that stands for this; where the loaded files were seen to fit, only one that leaves no other reading."""
    said = next(iter(pointing_at(messages, "cudnn.version-mismatch")), None)
    return said if said is not None and (loaded is None or confidence_of(said) == "certain") else None


def _refused(runtime: TorchRuntime | None, loaded: LoadedLibraries | None) -> tuple[str, str] | None:
    """The loaded and the compiled version, where torch's rule refuses them; None: it accepts them, or they are unknown."""
    stage = runtime.stage("cudnn") if runtime is not None else None
    said = TORCHS_WORDS.search((stage.error if stage is not None else None) or "")
    if said is not None:
        return said["found"].replace(", ", "."), said["compiled"].replace(", ", ".")
    main = next(iter(loaded.named("cudnn")), None) if loaded is not None else None
    found = (runtime.cudnn_loaded if runtime is not None else None) or (version_of(main) if main is not None else None)
    compiled = runtime.cudnn_compiled if runtime is not None else None
    if not found or not compiled:
        return None
    got, wanted = parts(found), parts(compiled)
    return (found, compiled) if got[:1] != wanted[:1] or got[:2] < wanted[:2] else None


def _foreign(loaded: LoadedLibraries | None) -> LoadedLibrary | None:
    """A file of cuDNN's that was taken in place of torch's own."""
    libraries = loaded.libraries if loaded is not None else ()
    return next((one for one in libraries if one.bundled and owner_of(one.path) == "cudnn"), None)


def _mixed(loaded: LoadedLibraries | None) -> tuple[LoadedLibrary, LoadedLibrary] | None:
    """libcudnn, and a part of it that is of another release."""
    main = next(iter(loaded.named("cudnn")), None) if loaded is not None else None
    if loaded is None or main is None or version_of(main) is None:
        return None
    release = parts(version_of(main) or "")[:3]
    others = (one for one in loaded.libraries if owner_of(one.path) == "cudnn" and version_of(one) is not None)
    return next(((main, one) for one in others if parts(version_of(one) or "")[:3] != release), None)
