"""vm.vgpu-unlicensed"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.facts import KernelLog, Nvml


@check("vm.vgpu-unlicensed", fields=("nvml.gpus",), explains=("compute.slow", "gpu.clocks-low"))
def vgpu_unlicensed(nvml: Nvml, kernel_log: KernelLog | None) -> Iterator[Finding]:
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
    for gpu in nvml.gpus:
        if gpu.virtualization_mode == 2 and gpu.vgpu_license == "unlicensed":
            yield Finding(
                title=f"GPU {gpu.index} is a vGPU ({gpu.name or 'unnamed'}) and its licence state is unlicensed",
                detail="The driver limits an unlicensed vGPU some minutes after start, and CUDA then fails.",
                evidence=(
                    gpu.says("virtualization_mode", "2 (vGPU guest)"),
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
