"""cudnn.disabled"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import torch_cuda
from envdoctor.diagnose.remedy import unset_variable
from envdoctor.diagnose.said import confidence_of, pointing_at, quoted
from envdoctor.facts import Environment, Messages, TorchInstall, TorchRuntime

OLD_INTERFACE = "TORCH_CUDNN_V8_API_DISABLED"


@check(
    "cudnn.disabled",
    fields=("torch_runtime.cudnn_enabled|environment.variables|messages.messages",),
    explains=("compute.slow",),
)
def disabled(
    torch_runtime: TorchRuntime | None,
    torch_install: TorchInstall | None,
    environment: Environment | None,
    messages: Messages | None,
) -> Iterator[Finding]:
    """cuDNN is there and switched off, so convolutions and recurrent layers run without it.

    What it means:
    `torch.backends.cudnn.enabled` is False. torch then takes its own kernels for convolutions, normalisation and recurrent layers:
    right results, often several times slower. A plain `import torch` leaves it True, so something in this environment sets it:
    a sitecustomize or .pth file, or a package that patches torch.

    How to confirm it by hand:
    `python -c 'import torch; print(torch.backends.cudnn.enabled)'`, and the same with `python -S`.

    Ways out:
    Find who sets it (`grep -rn "cudnn.enabled" .`) and take that out; or set `torch.backends.cudnn.enabled = True` after it.

    Often mistaken for:
    A cuDNN that is absent (cudnn.missing) or does not fit (cudnn.version-mismatch): people switch it off to get round those.
    """
    off = (
        torch_runtime is not None
        and torch_runtime.cudnn_enabled is False
        and torch_runtime.cudnn_available is not False
    )
    if (
        off and torch_runtime is not None and torch_cuda(torch_install, torch_runtime) != ""
    ):  # None: a report is silent on it
        version = torch_runtime.cudnn_loaded or torch_runtime.cudnn_compiled or ""
        yield Finding(
            title=f"torch.backends.cudnn.enabled is False; cuDNN {version} is there".replace("  ", " "),
            severity="warning",
            detail="Convolutions and recurrent layers run on torch's own kernels, often several times slower.",
            evidence=(torch_runtime.says("cudnn_enabled"), torch_runtime.says("cudnn_loaded", version or "unknown")),
            fix=(Fix("Find what switches it off", "grep -rn --include='*.py' --include='*.pth' 'cudnn.enabled' ."),),
        )
    said = next(iter(pointing_at(messages, "cudnn.disabled")), None)
    if said is not None and messages is not None and (torch_runtime is None or torch_runtime.cudnn_enabled is None):
        yield Finding(
            title=quoted(said, 100),
            severity="warning",
            detail="Convolutions and recurrent layers then run on other kernels, often several times slower.",
            evidence=(messages.says("messages", said.text),),
            fix=(Fix("Take out what switches it off", "grep -rn 'cudnn.enabled' ."),),
            confidence=confidence_of(said),
        )
    old = environment.get(OLD_INTERFACE) if environment is not None else None
    if environment is not None and old and old != "0" and torch_cuda(torch_install, torch_runtime):
        yield Finding(
            title=f"{OLD_INTERFACE}={old}: cuDNN's old interface is used",
            severity="info",
            evidence=(environment.says("variables", f"{OLD_INTERFACE}={old}"),),
            fix=(unset_variable(OLD_INTERFACE),),
        )
