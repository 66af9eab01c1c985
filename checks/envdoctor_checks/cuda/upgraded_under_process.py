"""cuda.upgraded-under-process"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.loaded import file_name
from envdoctor.facts import Process, ProcessLibraries, ProcessLibrary


@check(
    "cuda.upgraded-under-process", explains=("torch.not-installed", "torch.import-fails", "torch.pinned-libs-mismatch")
)
def upgraded_under_process(process: Process, process_libraries: ProcessLibraries) -> Iterator[Finding]:
    """Libraries were upgraded or removed under the running process, which still has the old ones loaded.

    What it means:
    Files of torch, CUDA or the driver that the process has mapped were deleted or replaced since it started. What it has loaded goes on
    working; what it loads from now on (cuDNN's parts, kernels, a library of the driver) is of the new version, and the two need not fit. A
    process started now gets the new files, so the two behave differently.

    How to confirm it by hand:
    `grep deleted /proc/PID/maps` lists the libraries; the driver's have their version in their names.

    Ways out:
    Start the process again. After an upgrade of the driver its kernel module has to be loaded anew as well.

    Often mistaken for:
    A fault of the new version: the old one is still running. Removed caches and temporary files look the same and are not counted.
    """
    found = [library for library in process_libraries.libraries if library.deleted]
    if not found:
        return
    count, first = len(found), _most_telling(found)
    others = f" and {count - 1} more" if count > 1 else ""
    yield Finding(
        title=f"{file_name(first.path)}{_number(first)}{others}: loaded, no longer on disk{_now(first)}",
        severity="warning",
        detail=f"Process {process.pid} runs what has been deleted or replaced since it started; a process started now loads other files.",
        evidence=tuple(
            process_libraries.says("libraries", f"{library.path} (deleted)")
            for library in sorted(found, key=lambda library: library is not first)[:6]
        ),
        fix=(Fix("Start the process again"),),
    )


def _most_telling(libraries: list[ProcessLibrary]) -> ProcessLibrary:
    """The driver's first, then torch's own, then the one of which most is known."""
    return min(
        libraries,
        key=lambda library: (
            library.name != "cuda",
            not library.name.startswith("torch_c"),
            library.version_now is None,
            library.path,
        ),
    )


def _number(library: ProcessLibrary) -> str:
    """The version, where the file's name does not tell it."""
    return f" {library.version}" if library.version and library.version not in library.path else ""


def _now(library: ProcessLibrary) -> str:
    if library.version_now is None:
        return ""
    return f", where {library.version_now} is" if library.version_now else ", where nothing is"
