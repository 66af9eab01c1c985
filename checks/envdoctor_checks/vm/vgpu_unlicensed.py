"""vm.vgpu-unlicensed"""

from __future__ import annotations

import re
from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.facts import KernelLog, Nvml, Reading, TorchRuntime

PROFILE = re.compile(r"\b[A-Z]{1,3}\d{1,3}[A-Z]?-\d+[ABCQ]\b")
"""``L40S-24Q``: the name of a slice that a hypervisor hands out."""


@check("vm.vgpu-unlicensed", fields=("nvml.gpus",), explains=("compute.slow", "gpu.clocks-low"))
def vgpu_unlicensed(
    nvml: Nvml, kernel_log: KernelLog | None, reading: Reading | None, torch_runtime: TorchRuntime | None
) -> Iterator[Finding]:
    """The virtual GPU has no licence, so the driver slows it down and then refuses CUDA.

    What it means:
    An NVIDIA vGPU works at full speed for about 20 minutes after the guest has started; without a licence the driver then limits
    clocks and memory, and CUDA calls fail.

    How to confirm it by hand:
    `nvidia-smi -q | grep -A2 'vGPU Software Licensed Product'` shows the licence status.

    Ways out:
    Put the licence token into /etc/nvidia/ClientConfigToken and restart nvidia-gridd. The guest must reach the licence server, and its
    clock must be right.

    Often mistaken for:
    A slow or throttled card. Cards that are passed through whole need no licence.
    """
    lines = kernel_log.matching("unlicensed", "vGPU license") if kernel_log is not None else ()
    seen_to_run = torch_runtime is not None and torch_runtime.cuda_available is True
    for gpu in nvml.gpus:
        if reading is not None and not seen_to_run and gpu.vgpu_license is None and PROFILE.search(gpu.name or ""):
            yield Finding(
                title=f"GPU {gpu.index} is a vGPU ({gpu.name}) and its licence state is unknown",
                severity="warning",
                detail="Without a licence the driver limits a vGPU some minutes after start.",
                evidence=(gpu.says("name"),),
                fix=(Fix("Read its licence state", "nvidia-smi -q | grep -A2 'vGPU Software Licensed Product'"),),
                gpu=gpu.index,
                confidence="possible",
            )
        if gpu.virtualization_mode in (2, None) and gpu.vgpu_license == "unlicensed":
            yield Finding(
                title=f"GPU {gpu.index} is a vGPU ({gpu.name or 'unnamed'}) and its licence state is unlicensed",
                detail="The driver limits an unlicensed vGPU some minutes after start, and CUDA then fails.",
                evidence=(
                    *((gpu.says("virtualization_mode", "2 (vGPU guest)"),) if gpu.virtualization_mode else ()),
                    gpu.says("vgpu_license"),
                    *(kernel_log.says("lines", line) for line in lines[-2:] if kernel_log is not None),
                ),
                fix=(
                    Fix(
                        "Install the licence token, then restart the licence client",
                        "sudo systemctl restart nvidia-gridd",
                    ),
                    Fix("Read why the licence server refused", "journalctl -u nvidia-gridd -b"),
                ),
                gpu=gpu.index,
                severity="warning",
            )
