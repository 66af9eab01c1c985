"""cuda.runtime-mismatch"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, Severity, check
from envdoctor.diagnose.loaded import foreign_runtime, parts, short, version_of, with_version
from envdoctor.diagnose.predicates import torch_cuda, torch_version, torch_works
from envdoctor.diagnose.remedy import pip_install
from envdoctor.diagnose.said import confidence_of, pointing_at, quoted
from envdoctor.facts import Interpreter, LoadedLibraries, Messages, TorchInstall, TorchRuntime
from envdoctor.knowledge.libraries import providers


@check(
    "cuda.runtime-mismatch",
    fields=("loaded_libraries.libraries|messages.messages", "torch_runtime.cuda|torch_install.cuda|messages.messages"),
    explains=("cuda.toolkit-mismatch",),
)
def runtime_mismatch(
    loaded_libraries: LoadedLibraries | None,
    torch_runtime: TorchRuntime | None,
    torch_install: TorchInstall | None,
    interpreter: Interpreter | None,
    messages: Messages | None,
) -> Iterator[Finding]:
    """The CUDA runtime that is loaded is not of the CUDA version that torch was compiled for.

    What it means:
    torch's own libcudart is gone from its environment, and the loader quietly took another of the same name: mostly that of a toolkit in
    /usr/local/cuda. The import works; calls that only the right version has fail later, and nobody looks for it there.

    How to confirm it by hand:
    `python -c 'import torch; print(torch.version.cuda, [l.split()[-1] for l in open("/proc/self/maps") if "libcudart" in l][0])'`.

    Ways out:
    Reinstall the wheel nvidia-cuda-runtime in the version that torch pins. Removing the toolkit's folder from the loader's path shows
    the fault openly, but does not mend it.

    Often mistaken for:
    nvidia-smi's "CUDA Version", which is the driver's and may well differ. A toolkit that merely is installed (cuda.toolkit-mismatch).
    """
    cuda = torch_cuda(torch_install, torch_runtime)
    foreign = foreign_runtime(loaded_libraries, cuda)
    if foreign is not None and cuda:
        loaded = version_of(foreign) or ""
        same_major = parts(loaded)[:1] == parts(cuda)[:1]
        severity: Severity = "error" if not same_major or parts(loaded)[:2] < parts(cuda)[:2] else "warning"
        build = torch_version(torch_install, torch_runtime)
        begin = f"torch {build} is compiled for CUDA {cuda}; loaded is libcudart {loaded} of "
        yield Finding(
            title=begin + short(foreign.path, 100 - len(begin)),
            severity="warning" if torch_works(torch_runtime) else severity,
            detail="torch's own libcudart is not there, so the loader took another of the same name.",
            evidence=(
                foreign.says("path", with_version(foreign)),
                *((torch_runtime.says("cuda"),) if torch_runtime is not None and torch_runtime.cuda else ()),
            ),
            fix=(_own_runtime(foreign.path, torch_install, interpreter),),
        )
        return
    said = next(iter(pointing_at(messages, "cuda.runtime-mismatch")), None)
    if loaded_libraries is None and messages is not None and said is not None:
        yield Finding(
            title=f"The loaded CUDA runtime is not the one asked for: {quoted(said, 48)}",
            evidence=(messages.says("messages", said.text),),
            fix=(Fix("Reinstall torch with its dependencies", pip_install(interpreter, "torch", reinstall=True)),),
            confidence=confidence_of(said),
        )


def _own_runtime(path: str, install: TorchInstall | None, interpreter: Interpreter | None) -> Fix:
    """The wheel that ships a libcudart of this name, as torch pins it."""
    wheels = providers(path)
    pins = install.pins if install is not None and install.pins else ()
    pinned = next((pin.name + pin.specifier for pin in pins if pin.name in wheels), None)
    wanted = pinned or (wheels[0] if wheels else "torch")
    return Fix(
        f"Reinstall {wanted}, which ships torch's own",
        pip_install(interpreter, wanted, reinstall=True, alone=wanted != "torch"),
    )
