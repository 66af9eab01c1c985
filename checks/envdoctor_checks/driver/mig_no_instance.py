"""driver.mig-no-instance"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import cuda_works
from envdoctor.facts import CudaDriver, Messages, Nvml, TorchRuntime


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
    bare = [gpu for gpu in (nvml.gpus if nvml else ()) if gpu.mig_mode == 1 and gpu.mig_uuids == ()]
    usable = [gpu for gpu in (nvml.gpus if nvml else ()) if not gpu.error and (gpu.mig_mode != 1 or gpu.mig_uuids)]
    said = messages.has("k8s-mig-not-configured") if messages is not None else None
    works = cuda_works(cuda_driver, torch_runtime)
    if (not bare and said is None) or bool(usable) != works:
        return  # on a machine that works, others are usable, and this one is not
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
        severity="warning" if works else "error",
        gpu=bare[0].index if bare else None,
    )
