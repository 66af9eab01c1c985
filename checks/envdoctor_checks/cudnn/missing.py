"""cudnn.missing"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.loaded import found_nowhere, missing_of
from envdoctor.diagnose.predicates import torch_cuda, torch_version
from envdoctor.diagnose.remedy import pip_install
from envdoctor.diagnose.said import confidence_of, pointing_at, quoted
from envdoctor.facts import Interpreter, LoadedLibraries, Messages, MissingLibraries, TorchInstall, TorchRuntime


@check(
    "cudnn.missing",
    fields=("missing_libraries.missing|torch_runtime.cudnn_available|messages.messages",),
    explains=("torch.import-fails", "cudnn.version-mismatch"),
)
def missing(
    missing_libraries: MissingLibraries | None,
    torch_runtime: TorchRuntime | None,
    loaded_libraries: LoadedLibraries | None,
    messages: Messages | None,
    torch_install: TorchInstall | None,
    interpreter: Interpreter | None,
) -> Iterator[Finding]:
    """cuDNN, or one of its parts, cannot be found.

    What it means:
    torch's builds for CUDA load libcudnn.so when they are imported, from the wheel nvidia-cudnn-cu… beside torch; cuDNN then loads its
    parts (libcudnn_ops, libcudnn_cnn, libcudnn_graph …) at first use. Without the first `import torch` fails; without a part the
    program is ended by cuDNN at its first convolution.

    How to confirm it by hand:
    `python -c 'import torch; print(torch.backends.cudnn.version())'`; `pip list | grep cudnn`; `ldconfig -p | grep cudnn`.

    Ways out:
    Install the cuDNN wheel that torch pins: its number must fit (libcudnn.so.8 is cuDNN 8, libcudnn.so.9 is cuDNN 9). A healthy pip
    install needs no cuDNN of the system.

    Often mistaken for:
    Another cuDNN that is found and does not fit (cudnn.version-mismatch); a wheel of the wrong number (torch.pinned-libs-mismatch).
    """
    build = torch_version(torch_install, torch_runtime)
    files = [one for one in missing_of(missing_libraries, "cudnn") if one.kind == "library"]
    for one in files:
        yield found_nowhere(one, missing_libraries, interpreter, build)
    if files:
        return
    cuda = torch_cuda(torch_install, torch_runtime)
    if (
        torch_runtime is not None
        and torch_runtime.cudnn_available is False
        and (cuda or torch_runtime.cuda_available)  # a report may tell that torch uses CUDA, and not which
    ):
        yield Finding(
            title=f"torch{_behind(build)} is built for CUDA{_behind(cuda)}, and without cuDNN",
            severity="warning",
            detail="Convolutions and recurrent layers run on torch's own kernels, often several times slower.",
            evidence=(torch_runtime.says("cudnn_available"),),
            fix=(
                Fix(
                    "Install a published build, which has cuDNN: they all do",
                    pip_install(interpreter, "torch", reinstall=True),
                ),
            ),
        )
        return
    said = next(iter(pointing_at(messages, "cudnn.missing")), None)
    if said is None or messages is None or (loaded_libraries is not None and loaded_libraries.named("cudnn")):
        return
    yield Finding(
        title=f"cuDNN was not found: {quoted(said, 75)}",
        evidence=(messages.says("messages", said.text),),
        fix=(
            Fix(
                "Install the cuDNN wheel of the number that is asked for (so.8: <9, so.9: >=9)",
                pip_install(interpreter, _wheel(said.text, torch_cuda(torch_install, torch_runtime))),
            ),
        ),
        confidence=confidence_of(said),
    )


def _wheel(text: str, cuda: str | None) -> str:
    """The requirement for the cuDNN that a message asks for, of torch's CUDA where that is known."""
    major = (cuda or "").partition(".")[0] or "12"
    return f"nvidia-cudnn-cu{major}" + ("<9" if "so.8" in text else ">=9,<10")


def _behind(word: str | None) -> str:
    return f" {word}" if word else ""
