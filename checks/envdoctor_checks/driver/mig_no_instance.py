"""driver.mig-no-instance"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import cuda_works
from envdoctor.facts import CudaDriver, Messages, Nvml, NvmlGpu, TorchRuntime


@check(
    "driver.mig-no-instance",
    fields=("nvml.gpus|messages.messages",),
    explains=("cuda.init-failed", "env.visible-devices", "driver.device-nodes-missing"),
)
def mig_no_instance(
    nvml: Nvml | None, cuda_driver: CudaDriver | None, torch_runtime: TorchRuntime | None, messages: Messages | None
) -> Iterator[Finding]:
    """MIG mode is on and no compute instance was made, so CUDA finds no device.

    What it means:
    With MIG on, a GPU is only usable through its instances. The mode survives a restart (it is stored on the card), the instances do not.

    How to confirm it by hand:
    `nvidia-smi -L` lists the GPU and no MIG device under it.

    Ways out:
    Make instances (`sudo nvidia-smi mig -cgi <profile> -C`), or turn MIG off.

    Often mistaken for:
    A driver or container problem: nvidia-smi shows the card, CUDA says "no CUDA-capable device is detected".
    """
    if cuda_works(cuda_driver, torch_runtime):
        for gpu in nvml.gpus if nvml is not None else ():
            if gpu.mig_mode == 1 and gpu.mig_uuids == () and not gpu.error:
                yield _one_of_several(gpu)
        return
    bare = [gpu for gpu in (nvml.gpus if nvml else ()) if gpu.mig_mode == 1 and gpu.mig_uuids == ()]
    usable = [gpu for gpu in (nvml.gpus if nvml else ()) if not gpu.error and (gpu.mig_mode != 1 or gpu.mig_uuids)]
    said = messages.has("k8s-mig-not-configured") if messages is not None else None
    if usable or (not bare and said is None):
        return
    if bare:
        gpu = bare[0]
        code = f"; cuInit returns {cuda_driver.init_code}" if cuda_driver is not None and cuda_driver.init_code else ""
        title = f"GPU {gpu.index} ({gpu.name or 'unnamed'}): MIG is on and there are 0 compute instances{code}"
    else:
        title = "MIG is enabled on a device that has no configured instance"
    index = bare[0].index if bare else 0
    yield Finding(
        title=title[:100],
        detail="With MIG on, a GPU is usable only through its instances, and a restart removes them.",
        evidence=(
            *(gpu.says("mig_mode", f"GPU {gpu.index}: MIG on, instances: none") for gpu in bare),
            *(
                (cuda_driver.says("init_code"),)
                if cuda_driver is not None and cuda_driver.init_code is not None
                else ()
            ),
            *((messages.says("messages", said.text),) if messages is not None and said is not None else ()),
        ),
        fix=(
            Fix(
                "Make an instance of the whole GPU (profile 0), with its compute instance",
                f"sudo nvidia-smi mig -i {index} -cgi 0 -C",
            ),
            Fix("Or turn MIG off", f"sudo nvidia-smi -i {index} -mig 0"),
        ),
        gpu=bare[0].index if bare else None,
    )


def _one_of_several(gpu: NvmlGpu) -> Finding:
    """CUDA works on the others: this one lies idle."""
    return Finding(
        title=f"GPU {gpu.index} ({gpu.name or 'unnamed'}): MIG is on and there are 0 compute instances"[:100],
        severity="warning",
        detail="CUDA works on the other GPUs; this one cannot be used.",
        evidence=(gpu.says("mig_mode", f"GPU {gpu.index}: MIG on, instances: none"),),
        fix=(
            Fix("See the profiles, and make instances", f"sudo nvidia-smi mig -i {gpu.index} -lgip"),
            Fix("Or turn MIG off", f"sudo nvidia-smi -i {gpu.index} -mig 0"),
        ),
        gpu=gpu.index,
    )
