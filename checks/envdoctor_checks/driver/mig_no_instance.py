"""driver.mig-no-instance"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import cuda_works
from envdoctor.facts import CudaDriver, Evidence, Messages, Nvml, NvmlGpu, TorchRuntime
from envdoctor.knowledge.messages import message


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
    gpus = tuple(gpu for gpu in (nvml.gpus if nvml is not None else ()) if not gpu.error)
    bare = [gpu for gpu in gpus if gpu.mig_mode == 1 and gpu.mig_uuids == ()]
    if cuda_works(cuda_driver, torch_runtime):
        for gpu in bare:
            yield _one_of_several(gpu)
        return
    bare = bare or [
        gpu for gpu in gpus if gpu.mig_mode == 1 and gpu.mig_uuids is None and _finds_none(messages, torch_runtime)
    ]
    said = messages.has("k8s-mig-not-configured") if messages is not None else None
    if any(gpu.mig_mode != 1 or gpu.mig_uuids for gpu in gpus) or (not bare and said is None):
        return  # a GPU without MIG, or one with instances, is there to be used
    code = cuda_driver.init_code if cuda_driver is not None else None
    returns = f"; cuInit returns {code}" if code else ""
    yield Finding(
        title=_title(bare[0], returns) if bare else "MIG is enabled on a device that has no configured instance",
        detail="With MIG on, a GPU is usable only through its instances, and a restart removes them.",
        evidence=(
            *map(_seen, bare),
            *((cuda_driver.says("init_code"),) if cuda_driver is not None and code is not None else ()),
            *((messages.says("messages", said.text),) if messages is not None and said is not None else ()),
        ),
        fix=(
            Fix(
                "Make an instance of the whole GPU (profile 0), with its compute instance",
                f"sudo nvidia-smi mig -i {bare[0].index if bare else 0} -cgi 0 -C",
            ),
            _off(bare[0].index if bare else 0),
        ),
        gpu=bare[0].index if bare else None,
        confidence="certain" if not bare or bare[0].mig_uuids == () else "likely",
    )


def _finds_none(messages: Messages | None, runtime: TorchRuntime | None) -> bool:
    """Whether a report whose nvidia-smi shows MIG on, and no instances, has CUDA find no device."""
    if runtime is not None and runtime.cuda_available is False:
        return True
    rows = [message(said.key) for said in (messages.messages if messages is not None else ())]
    return any(row is not None and "hardware.no-gpu" in (row.cause, *row.also) for row in rows)


def _one_of_several(gpu: NvmlGpu) -> Finding:
    """CUDA works on the others: this one lies idle."""
    return Finding(
        title=_title(gpu),
        severity="warning",
        detail="CUDA works on the other GPUs; this one cannot be used.",
        evidence=(_seen(gpu),),
        fix=(
            Fix("See the profiles, and make instances", f"sudo nvidia-smi mig -i {gpu.index} -lgip"),
            _off(gpu.index),
        ),
        gpu=gpu.index,
    )


def _title(gpu: NvmlGpu, more: str = "") -> str:
    return f"GPU {gpu.index} ({gpu.name or 'unnamed'}): MIG is on and there are 0 compute instances{more}"


def _seen(gpu: NvmlGpu) -> Evidence:
    return gpu.says("mig_mode", f"GPU {gpu.index}: MIG on, instances: none")


def _off(index: int) -> Fix:
    return Fix("Or turn MIG off", f"sudo nvidia-smi -i {index} -mig 0")
