"""torch.extension-abi-mismatch"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import torch_cuda, torch_version
from envdoctor.diagnose.remedy import pip_install
from envdoctor.facts import Distribution, Interpreter, Messages, Packages, TorchInstall, TorchRuntime

COMPANIONS = ("torchvision", "torchaudio", "torchtext")
SAID = ("flash-attn-undefined-symbol", "symbol-c10", "symbol-aten", "symbol-torch", "vllm-extension-failed", "xformers-extension-failed",
        "library-missing-torch-cuda-cu", "bitsandbytes-cuda-library-missing", "bitsandbytes-cpu-only", "bitsandbytes-no-native-library")  # fmt: skip


@check("torch.extension-abi-mismatch", fields=("packages.distributions|messages.messages",))
def extension_abi_mismatch(
    packages: Packages | None,
    torch_install: TorchInstall | None,
    torch_runtime: TorchRuntime | None,
    messages: Messages | None,
    interpreter: Interpreter | None,
) -> Iterator[Finding]:
    """A compiled extension (flash-attn, xformers, apex, …) was built for another torch or another CUDA.

    What it means:
    Extensions link against torch's C++ libraries, whose interface changes with every minor release. One that was built for another fails
    to load with an "undefined symbol" that begins with _ZN3c10, _ZN2at or _ZN5torch.

    How to confirm it by hand:
    `<interpreter> -c "import flash_attn_2_cuda"` (or the module in question) shows the symbol.

    Ways out:
    Install the build of the extension for this torch and CUDA, or build it here: `pip install --no-build-isolation --no-binary :all: …`.

    Often mistaken for:
    A broken torch: `import torch` itself works.
    """
    version, cuda = torch_version(torch_install, torch_runtime), torch_cuda(torch_install, torch_runtime)
    said = next((m for key in SAID if messages is not None and (m := messages.has(key)) is not None), None)
    clashes = [
        (dist, why)
        for dist in (packages.distributions if packages else ())
        if dist.name not in COMPANIONS
        and not dist.name.startswith("conda:")
        and (why := _clash(dist, version, cuda)) is not None
    ]
    for dist, why in clashes:
        yield Finding(
            title=f"{dist.name} {dist.version} was built for {why}; torch is {version}",
            severity="error" if said is not None else "warning",
            evidence=(
                dist.says("built_for_torch", f"{dist.name}: torch {dist.built_for_torch}, CUDA {dist.built_for_cuda}"),
                *((messages.says("messages", said.text),) if messages is not None and said is not None else ()),
            ),
            fix=(_rebuild(interpreter, dist.name),),
        )
    if said is not None and not clashes and messages is not None:
        yield Finding(
            title=" ".join(said.text.split()),
            detail="A compiled extension does not fit the torch that loads it.",
            evidence=(messages.says("messages", said.text),),
            fix=(Fix("Reinstall the extension that is named there, built for this torch"),),
            confidence="likely",
        )


def _clash(dist: Distribution, version: str | None, cuda: str | None) -> str | None:
    """What it was built for that is not what is there; None: it fits, or does not say."""
    if dist.built_for_torch and version and _minor(dist.built_for_torch) != _minor(version):
        return f"torch {dist.built_for_torch}"
    if (
        dist.built_for_cuda
        and cuda
        and dist.built_for_cuda.partition(".")[0] != cuda.partition(".")[0]
        and dist.built_for_cuda != "cpu"
    ):
        return f"CUDA {dist.built_for_cuda}"
    return None


def _minor(version: str) -> tuple[str, ...]:
    return tuple(version.partition("+")[0].split(".")[:2])


def _rebuild(interpreter: Interpreter | None, name: str) -> Fix:
    return Fix(
        "Build it again for this torch (needs a CUDA toolkit)",
        pip_install(interpreter, name, reinstall=True) + f" --no-deps --no-build-isolation --no-binary {name}",
    )
