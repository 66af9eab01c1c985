"""compute.hung"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.measured import place
from envdoctor.facts import Work


@check("compute.hung", explains=("compute.kernel-failed",))
def hung(work: Work) -> Iterator[Finding]:
    """A kernel or a training step never finishes.

    What it means:
    Work was handed to the device and did not come back within its deadline; it was ended, and everything else was measured without it. NCCL
    waits for ever where it cannot reach the other GPUs; a card that has lost its way stops answering; a lock held by a library does the same.

    How to confirm it by hand:
    Run the named kernel alone under `timeout 60`; `sudo dmesg | grep -i xid` in another terminal.

    Ways out:
    For NCCL: `NCCL_DEBUG=INFO` shows where it waits, `NCCL_P2P_DISABLE=1` tells whether the direct way between GPUs is at fault (ACS or IOMMU
    on a bare-metal host). For anything else: restart the machine; if it comes back, have the card tested.

    Often mistaken for:
    A slow first run: compiling takes seconds, not the whole deadline.
    """
    for device in work.devices:
        for kernel in device.kernels:
            if kernel.status != "hung":
                continue
            nccl = kernel.name in ("nccl-one-rank", "all-reduce", "peer-copy")
            yield Finding(
                severity="error" if device.device.startswith("cuda") else "warning",
                title=f"{kernel.name} on {place(device)} did not come back within {kernel.seconds or 0:.0f} s",
                detail="It was ended; the other kernels were run without it.",
                evidence=(kernel.says("status"), *((kernel.says("frame"),) if kernel.frame else ())),
                fix=(
                    Fix("See where NCCL waits", "NCCL_DEBUG=INFO envdoctor check")
                    if nccl
                    else Fix("See what the kernel module says", "sudo dmesg | grep -iE 'nvrm|xid'"),
                ),
                gpu=device.gpu,
            )
