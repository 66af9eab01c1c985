"""torch.pinned-libs-mismatch"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.loaded import file_name, parts
from envdoctor.diagnose.predicates import torch_works
from envdoctor.diagnose.remedy import pip_install, pip_uninstall
from envdoctor.facts import (
    Interpreter,
    LoadedLibraries,
    MissingLibraries,
    Packages,
    Pin,
    TorchInstall,
    TorchRuntime,
)
from envdoctor.knowledge.libraries import providers

ECHOES = (
    "cudnn.version-mismatch",
    "nccl.version-mismatch",
    "cuda.runtime-mismatch",
    "cuda.library-shadowed",
    "torch.import-fails",
)


@check("torch.pinned-libs-mismatch", fields=("torch_install.pins",), explains=ECHOES)
def pinned_libs_mismatch(
    torch_install: TorchInstall,
    torch_runtime: TorchRuntime | None,
    missing_libraries: MissingLibraries | None,
    loaded_libraries: LoadedLibraries | None,
    packages: Packages | None,
    interpreter: Interpreter | None,
) -> Iterator[Finding]:
    """The nvidia-* wheels that are installed are not the ones that torch's own metadata asks for.

    What it means:
    torch's wheels pin the versions of cuDNN, NCCL, cuBLAS and the others that they were built and tested with. Another package
    (tensorflow, onnxruntime, a hand-made `pip install nvidia-cudnn-cu12`) replaced one: symbols can be missing, cuDNN can refuse, results can
    differ. Wheels of two CUDA versions (nvidia-cudnn-cu12 and -cu13) even have files of the same name: the one that came last
    overwrote the other's, and both count as installed.

    How to confirm it by hand:
    `<interpreter> -m pip check`; `<interpreter> -m pip list | grep nvidia`.

    Ways out:
    Install what torch asks for; of two wheels that share files, uninstall the other one first.
    If another package needs the other version, give the two environments of their own.

    Often mistaken for:
    A wrong system-wide CUDA: the wheels come first.
    """
    wrong = [pin for pin in torch_install.pins or () if pin.installed and not pin.satisfied]
    if not wrong:
        yield from _overwritten(torch_install, torch_runtime, loaded_libraries, packages, interpreter)
        return
    serious = [pin for pin in wrong if pin.name.startswith("nvidia-")]
    failing = torch_runtime is not None and any(
        stage.status != "ok" for stage in torch_runtime.stages if stage.name in ("import", "cudnn", "cudnn-parts")
    )
    shown = (serious or wrong)[0]
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    yield Finding(
        title=f"{shown.name} {shown.installed} is installed; torch {torch_install.version} asks for {_wanted(shown)}{more}",
        severity="error" if failing and serious else "warning" if serious else "info",
        evidence=tuple(pin.says("installed", f"{pin.name} {pin.installed}; wanted {_wanted(pin)}") for pin in wrong),
        fix=(
            Fix(
                "Install what torch asks for",
                pip_install(interpreter, *(pin.name + pin.specifier for pin in serious or wrong)),
            ),
        ),
    )


def _overwritten(
    install: TorchInstall,
    runtime: TorchRuntime | None,
    loaded: LoadedLibraries | None,
    packages: Packages | None,
    interpreter: Interpreter | None,
) -> Iterator[Finding]:
    """The pinned wheel is on record, and a library says that it is another wheel's, which is there too."""
    for library in loaded.libraries if loaded is not None and packages is not None else ():
        shippers = providers(library.path)
        pin = next((pin for pin in install.pins or () if pin.name in shippers and pin.installed), None)
        others = (dist for name in shippers if packages is not None and (dist := packages.get(name)) is not None)
        if pin is None or library.owner_kind != "wheel" or _is_of(library.version, pin.installed):
            continue
        other = next((dist for dist in others if dist.name != pin.name and _is_of(library.version, dist.version)), None)
        if other is None or library.version is None:
            continue
        remove = pip_uninstall(interpreter, other.name)
        again = pip_install(interpreter, pin.name + pin.specifier, reinstall=True, alone=True)
        yield Finding(
            title=f"{file_name(library.path)} is {library.version}, of {other.name}; torch {install.version} asks for {pin.name}",
            severity="warning" if torch_works(runtime) else "error",
            detail=f"{other.name} {other.version} overwrote files of {pin.name} {pin.installed}; both are on record.",
            evidence=(
                library.says("version", f"{library.path} = {library.version}"),
                pin.says("installed", f"{pin.name} {pin.installed}; wanted {_wanted(pin)}"),
                other.says("version", f"{other.name} {other.version}"),
            ),
            fix=(Fix(f"Remove {other.name}, then put the files of {pin.name} back", f"{remove} && {again}"),),
        )
        return


def _is_of(version: str | None, wheel: str) -> bool:
    """Whether a library that answers `version` can be of the wheel of that version, which has more numbers; unknown: yes."""
    numbers = parts(version or "")
    return numbers == parts(wheel)[: len(numbers)]


def _wanted(pin: Pin) -> str:
    return pin.specifier.removeprefix("==") or "any"
