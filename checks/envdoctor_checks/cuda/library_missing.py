"""cuda.library-missing"""

from __future__ import annotations

import re
from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.loaded import found_nowhere, missing_of
from envdoctor.diagnose.predicates import torch_version
from envdoctor.diagnose.remedy import pip_install
from envdoctor.diagnose.said import confidence_of, pointing_at, quoted
from envdoctor.facts import Interpreter, Messages, MissingLibraries, TorchInstall, TorchRuntime
from envdoctor.knowledge.libraries import providers

LIBRARY = re.compile(r"lib[\w.+-]+\.so[.\d]*")


@check(
    "cuda.library-missing",
    fields=("missing_libraries.missing|messages.messages",),
    explains=("torch.import-fails",),
)
def library_missing(
    missing_libraries: MissingLibraries | None,
    messages: Messages | None,
    torch_install: TorchInstall | None,
    torch_runtime: TorchRuntime | None,
    interpreter: Interpreter | None,
) -> Iterator[Finding]:
    """A CUDA library that torch needs cannot be found.

    What it means:
    torch's wheels do not contain libcudart, libcublas, libcusparse, libnvJitLink and the others: they come in wheels of their own, named
    nvidia-…, and torch looks for them beside itself. One of those is not installed, or its files were deleted or overwritten.

    How to confirm it by hand:
    `ldd <site-packages>/torch/lib/libtorch_cuda.so | grep 'not found'`; `python -m pip check`.

    Ways out:
    Install the wheel that ships the file, in the version that torch pins; or reinstall torch with its dependencies. Installing a CUDA
    toolkit for the whole system is not the way: it brings other versions.

    Often mistaken for:
    A missing CUDA toolkit: torch needs none. A missing driver: that one's library is libcuda.so.1.
    """
    build = torch_version(torch_install, torch_runtime)
    for one in missing_of(missing_libraries, "cuda", "driver"):
        if one.kind == "library":
            yield found_nowhere(one, missing_libraries, interpreter, build)
    said = next(iter(pointing_at(messages, "cuda.library-missing")), None)
    if missing_libraries is None and messages is not None and said is not None:
        name = LIBRARY.search(said.text)
        wheels = providers(name[0]) if name else ()
        wanted = wheels[0] if wheels else "torch"
        yield Finding(
            title=f"A CUDA library is missing: {quoted(said, 72)}",
            evidence=(messages.says("messages", said.text),),
            fix=(Fix(f"Install {wanted}, which ships it", pip_install(interpreter, wanted)),),
            confidence=confidence_of(said),
        )
