"""gpu.persistence-off"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import in_container, on_jetson, on_wsl
from envdoctor.facts import Container, Nvml, NvmlGpu, Processes, System


@check("gpu.persistence-off", fields=("nvml.gpus",))
def persistence_off(
    nvml: Nvml, processes: Processes | None, container: Container | None, system: System | None
) -> Iterator[Finding]:
    """Persistence mode is off on a server: the driver lets go of the GPUs whenever nobody uses them.

    What it means:
    Without it every first program after a pause waits seconds per GPU until the cards are set up again, settings of clocks and power are
    lost, and counters of errors begin anew, so that a fault is forgotten before anybody looks. It is a note: nothing is broken by it.

    How to confirm it by hand:
    `nvidia-smi --query-gpu=index,persistence_mode --format=csv`; `systemctl status nvidia-persistenced`.

    Ways out:
    Run the persistence daemon; it comes with the driver. `nvidia-smi -pm 1` does it until the next restart.

    Often mistaken for:
    A slow import of torch, or a slow first CUDA call. On a workstation with a display the driver stays loaded anyway.
    """
    if in_container(container) or on_wsl(system) or on_jetson(system):
        return
    if processes is not None and processes.persistence_daemon:
        return
    servers = [gpu for gpu in nvml.gpus if _of_a_server(gpu)]
    off = [gpu for gpu in servers if gpu.persistence_mode == 0]
    if len(servers) < 2 or not off:
        return
    yield Finding(
        title=f"Persistence mode is off on {len(off)} of {len(nvml.gpus)} GPUs",
        severity="info",
        detail="The first program after a pause waits until the driver has set the cards up again.",
        evidence=(off[0].says("persistence_mode", f"GPU {off[0].index}: off"),),
        fix=(Fix("Run the persistence daemon", "sudo systemctl enable --now nvidia-persistenced"),),
    )


def _of_a_server(gpu: NvmlGpu) -> bool:
    """ECC by default, or a place in an NVLink fabric: nobody has two of those at a desk."""
    return gpu.ecc_default is True or bool(gpu.fabric_state)
