"""hardware.more-gpus"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.facts import CudaDriver, Expectation, Nvml


@check("hardware.more-gpus", fields=("expectation.gpus", "cuda_driver.device_count|nvml.device_count"))
def more_gpus(expectation: Expectation, cuda_driver: CudaDriver | None, nvml: Nvml | None) -> Iterator[Finding]:
    """More GPUs than ``--expect N`` says this machine has.

    What it means:
    Nothing is broken, but the machine, the job or the container is not the one that was meant: a mask that is not set, a scheduler that
    gives every job all GPUs, another type of node. Two jobs then share a GPU without knowing.

    How to confirm it by hand:
    `nvidia-smi -L`; `echo "$CUDA_VISIBLE_DEVICES"`; in Slurm `scontrol show job -d $SLURM_JOB_ID | grep GRES`.

    Ways out:
    Give the job the GPUs that are meant for it (CUDA_VISIBLE_DEVICES, `--gpus`, Slurm's ConstrainDevices=yes), or correct what is expected.

    Often mistaken for:
    Nothing: it is mostly not seen at all.
    """
    wanted = expectation.gpus
    counts = [fact for fact in (cuda_driver, nvml) if fact is not None and fact.device_count is not None]
    if cuda_driver is not None and cuda_driver.device_count is not None and cuda_driver.init_code not in (0, None):
        counts = []  # what CUDA sees is not known
    if wanted is None or not counts:
        return
    seen = counts[0].device_count or 0
    if seen > wanted:
        yield Finding(
            title=f"{wanted} GPU{'s' * (wanted != 1)} expected; {'CUDA' if counts[0] is cuda_driver else 'NVML'} sees {seen}",
            severity="warning",
            detail="Whoever counts on the number gets GPUs that may be meant for others.",
            evidence=(expectation.says("gpus"), *(fact.says("device_count") for fact in counts)),
            fix=(
                Fix(
                    "Show this job only the GPUs that are meant for it",
                    "export CUDA_VISIBLE_DEVICES=" + ",".join(map(str, range(wanted))),
                ),
            ),
        )
