"""torch.companion-mismatch"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import torch_cuda, torch_version
from envdoctor.diagnose.remedy import TORCH_INDEX, pip_install
from envdoctor.facts import Distribution, Interpreter, Messages, Packages, TorchInstall, TorchRuntime
from envdoctor.knowledge.releases import companion_for, fits, torch_for

COMPANIONS = ("torchvision", "torchaudio")
SAID = ("torchvision-nms-missing", "torchvision-nms-missing-old", "torchvision-ops-not-loaded", "torchvision-other-cuda", "torchvision-nms-no-cuda",
        "torchaudio-undefined-symbol", "library-missing-torch-hip")  # fmt: skip


@check("torch.companion-mismatch", fields=("packages.distributions|messages.messages",))
def companion_mismatch(
    packages: Packages | None,
    torch_install: TorchInstall | None,
    torch_runtime: TorchRuntime | None,
    messages: Messages | None,
    interpreter: Interpreter | None,
) -> Iterator[Finding]:
    """torchvision or torchaudio was built for another torch, or for another CUDA.

    What it means:
    Each release of torchvision and torchaudio fits one release of torch, in the same CUDA variant. Another one fails at import, or at the
    first operation: "operator torchvision::nms does not exist", "Couldn't load custom C++ ops", undefined symbols.

    How to confirm it by hand:
    `<interpreter> -m pip list | grep -i torch`; the local parts (+cu124, +cpu) must be the same.

    Ways out:
    Install the three together, from one index.

    Often mistaken for:
    A GPU problem: the operation is missing, not the GPU.
    """
    version, cuda = torch_version(torch_install, torch_runtime), torch_cuda(torch_install, torch_runtime)
    said = next((m for key in SAID if messages is not None and (m := messages.has(key)) is not None), None)
    found = False
    for name in COMPANIONS:
        dist = packages.get(name) if packages is not None else None
        clash = _clash(dist, version, cuda) if dist is not None and version else None
        if dist is None or clash is None or version is None:
            continue
        found = True
        fitting = companion_for(name, version)
        wanted = f"{name}=={fitting[0]}" if fitting else name
        # pip takes 0.20.1+cpu for 0.20.1: where only the variant is wrong it has to be told to install again.
        same = bool(fitting) and dist.version.partition("+")[0] == fitting[0]
        index = TORCH_INDEX + f"cu{cuda.replace('.', '')}" if cuda else TORCH_INDEX + "cpu"
        yield Finding(
            title=f"{name} {dist.version} {clash}; torch is {version}",
            severity="error" if said is not None else "warning",
            evidence=(
                dist.says("version", f"{name} {dist.version}"),
                *((messages.says("messages", said.text),) if messages is not None and said is not None else ()),
            ),
            fix=(
                Fix(
                    f"Install the {name} that fits",
                    pip_install(interpreter, wanted, reinstall=same, alone=same, index=index),
                ),
            ),
        )
    if said is not None and not found and messages is not None:
        yield Finding(
            title=" ".join(said.text.split()),
            evidence=(messages.says("messages", said.text),),
            fix=(
                Fix(
                    "Install torch and its companions together",
                    pip_install(interpreter, "torch", "torchvision", "torchaudio", reinstall=True),
                ),
            ),
            confidence="likely",
        )


def _clash(dist: Distribution, version: str, cuda: str | None) -> str | None:
    """What is wrong with a companion, as the predicate of a sentence; None: nothing that is known."""
    if fits(dist.name, dist.version, version) is False:
        wanted = torch_for(dist.name, dist.version)
        return f"is made for torch {wanted}" if wanted else "is made for another torch"
    if dist.built_for_cuda == "cpu" and cuda:
        return "was built without CUDA"
    if cuda and dist.built_for_cuda not in (None, "cpu") and dist.built_for_cuda != cuda:
        return f"was built for CUDA {dist.built_for_cuda}"
    return None
