"""gpu.fabric-unhealthy"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.facts import Nvml, NvmlGpu
from envdoctor.knowledge.codes import nvml_code

COMPLETED = 3
TRUE = 1
MATTERS = (
    (0, 0x3, {TRUE: "its links have less bandwidth than they should"}),
    (2, 0x3, {TRUE: "a route is being recovered"}),
    (4, 0x3, {TRUE: "a route is unhealthy"}),
    (6, 0x3, {TRUE: "it recovers from an access that timed out"}),
    (
        8,
        0xF,
        {
            2: "wrong system GUID",
            3: "wrong chassis serial number",
            4: "it belongs to no partition",
            5: "too few NVLinks",
            6: "firmware that does not fit",
            7: "wrong location in the chassis",
            8: "its state is invalid",
        },
    ),
    (14, 0x3, {2: "the global fabric manager is not connected"}),
)
"""Where in the mask of health each matter stands, how wide it is, and which values of it are bad (NVML_GPU_FABRIC_HEALTH_MASK_…)."""


@check("gpu.fabric-unhealthy", fields=("nvml.gpus",), explains=("gpu.nvlink-down", "nccl.transport", "compute.slow"))
def fabric_unhealthy(nvml: Nvml) -> Iterator[Finding]:
    """The GPU joined the NVLink fabric, and the fabric says that something is wrong with it.

    What it means:
    On machines with NVSwitches every GPU registers with the fabric, which then tells its health: bandwidth, routes, configuration. CUDA
    works all the same, but traffic between the GPUs (NCCL, peer copies, NVLS) is slow or fails.

    How to confirm it by hand:
    `nvidia-smi -q | grep -A12 -i fabric` shows State, Status and Health.

    Ways out:
    Take the jobs off the node, reset all GPUs together (`sudo nvidia-smi -r`) and restart the fabric manager (in a rack of several
    nodes: IMEX too, and look at the switch trays). "Wrong" and "does not fit" mean that a tray, a firmware or the fabric's topology file is not
    the one of this machine. If it stays, have the baseboard tested.

    Often mistaken for:
    A slow network, or NCCL settings. A fabric that is not set up at all is driver.fabric-manager-down.
    """
    for gpu in nvml.gpus:
        if gpu.fabric_state != COMPLETED:
            continue
        bad = _bad(gpu.fabric_health or 0)
        if gpu.fabric_status:
            row = nvml_code(gpu.fabric_status)
            name = f" {row.name}" if row is not None else ""
            yield _finding(
                gpu, f"its registration with the NVLink fabric failed ({gpu.fabric_status}{name})", "fabric_status"
            )
        elif bad:
            yield _finding(gpu, f"NVLink fabric: {'; '.join(bad)}", "fabric_health")


def _bad(mask: int) -> list[str]:
    return [values[value] for shift, width, values in MATTERS if (value := mask >> shift & width) in values]


def _finding(gpu: NvmlGpu, what: str, field: str) -> Finding:
    shown = f"{gpu.fabric_health:#x}" if field == "fabric_health" else None
    return Finding(
        title=f"GPU {gpu.index}: {what}",
        severity="warning",
        detail="Work on one GPU is not affected; traffic between GPUs is slow or fails.",
        evidence=(gpu.says(field, shown),),
        fix=(
            Fix("Reset all GPUs together, with no process on them", "sudo nvidia-smi -r"),
            Fix(
                "Then restart the fabric manager and read what it says",
                "sudo systemctl restart nvidia-fabricmanager; journalctl -u nvidia-fabricmanager -b",
            ),
        ),
        gpu=gpu.index,
    )
