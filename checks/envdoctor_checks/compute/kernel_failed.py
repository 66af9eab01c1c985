"""compute.kernel-failed"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.measured import held_by_others, place
from envdoctor.facts import Kernel, Work

SHARED = ("nccl-one-rank", "all-reduce", "peer-copy", "profile", "compile")
"""Kernels without which one GPU still trains."""


@check("compute.kernel-failed", explains=())
def kernel_failed(work: Work) -> Iterator[Finding]:
    """A kernel raises an error, or ends its process.

    What it means:
    torch and the driver start, and one operation does not work: the library behind it (cuBLAS, cuDNN, cuFFT, cuSOLVER, cuSPARSE, NCCL) cannot
    be loaded, does not know the card, or is broken. The other kernels were run without it.

    How to confirm it by hand:
    `envdoctor check -v` prints the whole message; the operation by itself in Python says the same.

    Ways out:
    Reinstall torch together with the nvidia-* wheels that it asks for. If the library is one that the machine put in front, take that away.

    Often mistaken for:
    An error in the program that happens to call the operation first.
    """
    for device in work.devices:
        for kernel in device.kernels:
            strange = kernel.status == "out-of-memory" and not held_by_others(device)
            if kernel.status not in ("failed", "crashed") and not strange:
                continue
            yield Finding(
                title=f"{kernel.name} on {place(device)}: {_how(kernel)}",
                severity="warning" if kernel.name in SHARED else "error",
                detail=(kernel.reason or "")[:500],
                evidence=(
                    kernel.says("status"),
                    *((kernel.says("reason"),) if kernel.reason else ()),
                    *((kernel.says("frame"),) if kernel.frame else ()),
                ),
                fix=(Fix("Read the whole message", "envdoctor check -v"),),
                gpu=device.gpu,
            )


def _how(kernel: Kernel) -> str:
    if kernel.status == "crashed":
        return kernel.reason or "it ended its process"
    said = " ".join((kernel.reason or "").split())
    return f"{kernel.error_type or 'error'}: {said}"
