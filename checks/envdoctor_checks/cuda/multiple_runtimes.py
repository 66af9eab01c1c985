"""cuda.multiple-runtimes"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.loaded import out_of_the_way, parts, version_of, with_version
from envdoctor.diagnose.predicates import torch_cuda, torch_works
from envdoctor.diagnose.said import confidence_of, pointing_at, quoted
from envdoctor.facts import Environment, LoadedLibraries, Messages, TorchInstall, TorchRuntime


@check(
    "cuda.multiple-runtimes",
    fields=("loaded_libraries.libraries|messages.messages",),
    explains=("compute.wrong-result",),
)
def multiple_runtimes(
    loaded_libraries: LoadedLibraries | None,
    torch_install: TorchInstall | None,
    torch_runtime: TorchRuntime | None,
    environment: Environment | None,
    messages: Messages | None,
) -> Iterator[Finding]:
    """CUDA runtimes of two major versions are loaded into one process.

    What it means:
    torch brings one libcudart; something else that is loaded with it (another framework, a preloaded library, a package that is imported
    at start) brings one of another CUDA major version. Each has its own state and its own cuBLAS and cuDNN: memory is held twice, handles
    of one are no use to the other, and some pairs crash.

    How to confirm it by hand:
    In the program: `grep -o '/.*libcudart.*' /proc/self/maps | sort -u`.

    Ways out:
    Use builds of both packages for the same CUDA major version, or run them in processes of their own.

    Often mistaken for:
    Several toolkits under /usr/local: harmless, as long as one process loads libraries of one only.
    """
    said = next(iter(pointing_at(messages, "cuda.multiple-runtimes")), None)
    if messages is not None and said is not None:
        yield Finding(
            title=f"Libraries of two CUDA versions in one program: {quoted(said, 50)}",
            evidence=(messages.says("messages", said.text),),
            fix=(Fix("Take builds of all of them for the same CUDA major version"),),
            confidence=confidence_of(said),
        )
        return
    if loaded_libraries is None:
        return
    runtimes = {parts(version)[0]: one for one in loaded_libraries.named("cudart") if (version := version_of(one))}
    if len(runtimes) < 2:
        return
    versions = " and ".join(str(version_of(one)) for _, one in sorted(runtimes.items()))
    cuda = torch_cuda(torch_install, torch_runtime) or ""
    other = next((one for major, one in sorted(runtimes.items()) if (major,) != parts(cuda)[:1]), None)
    yield Finding(
        title=f"libcudart {versions} are loaded in one process; torch is built for CUDA {cuda or 'unknown'}",
        severity="info" if torch_works(torch_runtime) else "warning",
        detail="The two hold memory and state apart from each other, and some pairs crash.",
        evidence=tuple(one.says("path", with_version(one)) for one in runtimes.values()),
        fix=(
            *((out_of_the_way(other.path, other.reason, environment),) if other is not None else ()),
            Fix("Or take builds of both packages for the same CUDA major version"),
        ),
    )
