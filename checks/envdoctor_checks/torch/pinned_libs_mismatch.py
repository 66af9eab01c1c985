"""torch.pinned-libs-mismatch"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.remedy import pip_install
from envdoctor.facts import Interpreter, MissingLibraries, Pin, TorchInstall, TorchRuntime

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
    interpreter: Interpreter | None,
) -> Iterator[Finding]:
    """The nvidia-* wheels that are installed are not the ones that torch's own metadata asks for.

    What it means:
    torch's wheels pin the versions of cuDNN, NCCL, cuBLAS and the others that they were built and tested with. Another package
    (tensorflow, onnxruntime, a hand-made `pip install nvidia-cudnn-cu12`) replaced one: symbols can be missing, cuDNN can refuse, results can
    differ.

    How to confirm it by hand:
    `<interpreter> -m pip check`.

    Ways out:
    Install what torch asks for. If another package needs the other version, give the two environments of their own.

    Often mistaken for:
    A wrong system-wide CUDA: the wheels come first.
    """
    wrong = [pin for pin in torch_install.pins or () if pin.installed and not pin.satisfied]
    if not wrong:
        return
    serious = [pin for pin in wrong if pin.name.startswith("nvidia-")]
    failing = torch_runtime is not None and any(
        stage.status != "ok" for stage in torch_runtime.stages if stage.name in ("import", "cudnn", "cudnn-parts")
    )
    shown = (serious or wrong)[0]
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    yield Finding(
        title=f"{shown.name} {shown.installed} is installed; torch {torch_install.version} asks for {_wanted(shown)}{more}"[
            :100
        ],
        severity="error" if failing and serious else "warning" if serious else "info",
        evidence=tuple(pin.says("installed", f"{pin.name} {pin.installed}; wanted {_wanted(pin)}") for pin in wrong),
        fix=(
            Fix(
                "Install what torch asks for",
                pip_install(interpreter, *(pin.name + pin.specifier for pin in serious or wrong)),
            ),
        ),
    )


def _wanted(pin: Pin) -> str:
    return pin.specifier.removeprefix("==") or "any"
