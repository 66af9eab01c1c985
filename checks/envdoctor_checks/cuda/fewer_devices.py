"""cuda.fewer-devices"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.cards import PROHIBITED
from envdoctor.diagnose.left_out import not_in_cuda
from envdoctor.diagnose.predicates import in_container, nvml_works
from envdoctor.facts import Container, CudaDriver, Environment, Nvml, NvmlGpu

OLDEST = 5.0
"""The compute capability below which no driver of today gives a card to CUDA."""


@check(
    "cuda.fewer-devices",
    fields=("nvml.device_count", "cuda_driver.device_count", "environment.variables"),
    explains=("hardware.fewer-gpus",),
)
def fewer_devices(
    nvml: Nvml, cuda_driver: CudaDriver, environment: Environment, container: Container | None
) -> Iterator[Finding]:
    """NVML counts more GPUs than CUDA does, and no variable hides one.

    What it means:
    nvidia-smi shows every GPU, and torch sees fewer. CUDA leaves out a card that it cannot start: one that needs a reset, one whose
    device node a cgroup closes to this process, or one that is not in the NVLink fabric.

    How to confirm it by hand:
    Compare `nvidia-smi -L` with `python -c "import torch; print(torch.cuda.device_count())"`; `ls -l /dev/nvidia*`.

    Ways out:
    Look at the GPU that CUDA lacks: its own findings here, its recovery action, the kernel log. Reset it or restart the machine. In a
    container or a job, ask for all GPUs.

    Often mistaken for:
    CUDA_VISIBLE_DEVICES (env.visible-devices): here it is not set. MIG: of a GPU that is split, CUDA shows one instance only.
    """
    counted, seen = nvml.device_count or 0, cuda_driver.device_count or 0
    if not nvml_works(nvml) or cuda_driver.init_code != 0 or seen >= counted or in_container(container):
        return
    if environment.get("CUDA_VISIBLE_DEVICES") is not None or any(_explained(gpu) for gpu in nvml.gpus):
        return
    lacking = not_in_cuda(nvml, cuda_driver) or ()
    first = lacking[0] if len(lacking) == counted - seen else None
    which = f": GPU {', '.join(str(gpu.index) for gpu in lacking[:4])} is missing" if first is not None else ""
    yield Finding(
        title=f"NVML counts {counted} GPUs, CUDA {seen}{which}",
        severity="warning",
        detail="nvidia-smi shows a GPU that no CUDA program can use.",
        evidence=(nvml.says("device_count"), cuda_driver.says("device_count")),
        fix=(
            Fix("See what the kernel says of it", "sudo dmesg | grep NVRM"),
            Fix(
                "Reset it with no process on it, or restart the machine",
                f"sudo nvidia-smi -r -i {first.index if first else 'N'}",
            ),
        ),
        gpu=first.index if first is not None and len(lacking) == 1 else None,
    )


def _explained(gpu: NvmlGpu) -> bool:
    """MIG, a card that is lost or closed (other checks name it), one too old for CUDA, an MPS server that has its own mask."""
    old = gpu.compute_capability is not None and float(gpu.compute_capability) < OLDEST
    mps = any(process.kind == "mps" or "cuda-mps" in (process.name or "") for process in gpu.processes or ())
    return bool(gpu.mig_mode or gpu.error or gpu.compute_mode == PROHIBITED) or old or mps
