"""cuda.stub-loaded"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.loaded import out_of_the_way, short
from envdoctor.diagnose.predicates import cuda_works
from envdoctor.diagnose.said import confidence_of, pointing_at
from envdoctor.facts import CudaDriver, DriverLibraries, DriverLibrary, Environment, Messages, TorchRuntime

STUB_LIBRARY = 34
NO_STUBS = Fix(
    "Take the toolkit's folder stubs out of LD_LIBRARY_PATH and of the loader's configuration",
    "echo $LD_LIBRARY_PATH; ldconfig -p | grep libcuda.so.1",
)


@check(
    "cuda.stub-loaded",
    fields=("cuda_driver.library|driver_libraries.copies|messages.messages",),
    explains=("cuda.init-failed", "cuda.driver-too-old"),
)
def stub_loaded(
    cuda_driver: CudaDriver | None,
    driver_libraries: DriverLibraries | None,
    environment: Environment | None,
    messages: Messages | None,
    torch_runtime: TorchRuntime | None,
) -> Iterator[Finding]:
    """The libcuda that is loaded is the CUDA toolkit's stub, which is for linking only.

    What it means:
    A toolkit brings a libcuda.so in lib64/stubs so that programs can be linked on machines without a driver. It does nothing: cuInit
    returns 34. It is loaded when its folder is on LD_LIBRARY_PATH or in the loader's configuration, under the name libcuda.so.1.

    How to confirm it by hand:
    `LD_DEBUG=libs python3 -c 'import ctypes; ctypes.CDLL("libcuda.so.1")' 2>&1 | grep libcuda.so.1` shows which file is taken.

    Ways out:
    Take the stubs folder out of LD_LIBRARY_PATH (it belongs into LIBRARY_PATH, for linking); remove a hand-made link libcuda.so.1 in it.

    Often mistaken for:
    A missing driver, since the message is an unknown or initialisation error. If no other libcuda exists, the driver is missing too.
    """
    if cuda_works(cuda_driver, torch_runtime):
        return
    winner = driver_libraries.winner("libcuda.so.1") if driver_libraries is not None else None
    path = _stub(cuda_driver, winner)
    code = cuda_driver.init_code if cuda_driver is not None else None
    said = next(iter(pointing_at(messages, "cuda.stub-loaded")), None)
    if path is None and code != STUB_LIBRARY and (said is None or cuda_driver is not None):
        if cuda_driver is None and winner is None and _fails(torch_runtime, messages):
            yield from _on_the_path(environment)
        return
    path = path or (cuda_driver.library if cuda_driver is not None else None) or (winner.path if winner else None)
    ours = winner is not None and path in (winner.path, winner.real_path)
    named = winner.path if winner is not None and ours else path
    what = (
        f"libcuda is the toolkit's stub {short(named, 55)}"
        if named
        else "The libcuda that is loaded is a toolkit's stub"
    )
    others = [
        c
        for c in (driver_libraries.copies if driver_libraries else ())
        if c.name == "libcuda.so.1" and c.kind == "driver" and path not in (c.path, c.real_path)
    ]
    yield Finding(
        title=what + (f"; cuInit returns {code}" if code is not None else ""),
        detail=f"The driver's own is {others[0].path}." if others else "No libcuda of a driver was found beside it.",
        evidence=(
            *((cuda_driver.says("library"), cuda_driver.says("init_code")) if cuda_driver is not None else ()),
            *((winner.says("path", f"{winner.path} ({winner.found_by})"),) if winner is not None else ()),
            *((messages.says("messages", said.text),) if said is not None and messages is not None else ()),
        ),
        fix=(_way_out(named, winner if ours else None, environment),),
        confidence="certain" if code == STUB_LIBRARY or path else confidence_of(said) if said else "likely",
    )


def _fails(torch_runtime: TorchRuntime | None, messages: Messages | None) -> bool:
    if torch_runtime is not None and torch_runtime.cuda_available is not None:
        return not torch_runtime.cuda_available
    return messages is not None and messages.has("cuda-insufficient-driver") is not None


def _on_the_path(environment: Environment | None) -> Iterator[Finding]:
    """Of a report in which CUDA fails and nobody says which libcuda is loaded, while the folder of stubs is searched first."""
    value = environment.get("LD_LIBRARY_PATH") if environment is not None else None
    folder = next((one for one in (value or "").split(":") if one.rstrip("/").endswith("/stubs")), None)
    if environment is None or folder is None:
        return
    yield Finding(
        title=f"{short(folder, 55)} is on LD_LIBRARY_PATH, and CUDA does not start",
        detail="The stub of libcuda that lies there is for linking only; programs that ask for libcuda.so get it.",
        evidence=(environment.says("variables", f"LD_LIBRARY_PATH={value}"),),
        fix=(NO_STUBS,),
        confidence="likely",
    )


def _way_out(path: str | None, winner: DriverLibrary | None, environment: Environment | None) -> Fix:
    if path is None:
        return NO_STUBS
    if winner is not None and "/stubs/" not in winner.path and "/stubs/" in (winner.real_path or ""):
        return Fix("Remove the link that was made to the stub", f"sudo rm {shlex.quote(path)} && sudo ldconfig")
    return out_of_the_way(path, winner.found_by if winner is not None else None, environment)


def _stub(cuda: CudaDriver | None, winner: DriverLibrary | None) -> str | None:
    """The path of the stub that is loaded; what was mapped decides over what the loader's search gives."""
    if cuda is not None and cuda.library:
        return cuda.library if cuda.init_code == STUB_LIBRARY or _is_stub(cuda.library, winner) else None
    return winner.path if winner is not None and winner.kind == "stub" else None


def _is_stub(path: str, winner: DriverLibrary | None) -> bool:
    if winner is not None and winner.kind == "stub" and path in (winner.path, winner.real_path):
        return True
    return "/stubs/" in path
