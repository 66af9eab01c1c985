"""driver.compute-mode"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, Severity, check
from envdoctor.diagnose.cards import PROHIBITED
from envdoctor.diagnose.predicates import cuda_works, torch_works
from envdoctor.facts import CudaDriver, Messages, Nvml, NvmlGpu, TorchRuntime

EXCLUSIVE = 3
MODES = {PROHIBITED: "prohibited", EXCLUSIVE: "exclusive process"}
DEFAULT = Fix("Set the compute mode back to default", "sudo nvidia-smi -c 0")


@check(
    "driver.compute-mode",
    fields=("nvml.gpus|cuda_driver.devices|messages.messages",),
    explains=("cuda.init-failed", "driver.device-nodes-missing"),
)
def compute_mode(
    nvml: Nvml | None, cuda_driver: CudaDriver | None, torch_runtime: TorchRuntime | None, messages: Messages | None
) -> Iterator[Finding]:
    """The GPU's compute mode keeps this process out: prohibited, or exclusive and taken.

    What it means:
    An administrator can allow no compute process at all on a GPU, or only one at a time. CUDA then says "all CUDA-capable devices are busy
    or unavailable" (46).

    How to confirm it by hand:
    `nvidia-smi --query-gpu=index,compute_mode --format=csv`.

    Ways out:
    Set it back to default (`sudo nvidia-smi -c 0`), or wait for the process that holds an exclusive GPU, or take another GPU.

    Often mistaken for:
    A hung or broken GPU.
    """
    if torch_works(torch_runtime):
        yield from _some(nvml)
        return
    gpus = nvml.gpus if nvml is not None else ()
    shut = [gpu for gpu in gpus if _is_shut(gpu)]
    open_ones = [gpu for gpu in gpus if not gpu.error and not _is_shut(gpu)]
    said = messages.has("cuda-driver-device-unavailable") if messages is not None else None
    devices = cuda_driver.devices if cuda_driver is not None and not gpus else ()
    if shut and not open_ones:
        yield _finding(shut[0], nvml, cuda_driver)
    elif shut and cuda_works(cuda_driver, torch_runtime):
        yield from _some(nvml)
    elif devices and all(device.compute_mode == PROHIBITED for device in devices):
        first = devices[0]
        yield Finding(
            title=f"GPU {first.ordinal} ({first.name or 'unnamed'}): compute mode is prohibited",
            evidence=tuple(
                device.says("compute_mode", f"CUDA device {device.ordinal}: prohibited") for device in devices
            ),
            fix=(DEFAULT,),
        )
    elif not gpus and said is not None:
        yield Finding(
            title="CUDA says that the device is busy or unavailable (46); an exclusive compute mode does that",
            evidence=(messages.says("messages", said.text),) if messages is not None else (),
            fix=(DEFAULT,),
            confidence="possible",
        )


def _some(nvml: Nvml | None) -> Iterator[Finding]:
    """CUDA works here: single GPUs that are closed all the same. One that is exclusive and taken serves somebody, or ourselves;
    one that is unlike the others is mostly kept for the display."""
    gpus = nvml.gpus if nvml is not None else ()
    open_names = {gpu.name for gpu in gpus if gpu.compute_mode != PROHIBITED}
    for gpu in gpus:
        if gpu.compute_mode == PROHIBITED:
            yield _finding(gpu, None, None, severity="warning" if gpu.name in open_names else "info")


def _is_shut(gpu: NvmlGpu) -> bool:
    return gpu.compute_mode == PROHIBITED or (gpu.compute_mode == EXCLUSIVE and bool(_holders(gpu)))


def _holders(gpu: NvmlGpu) -> list[int]:
    return [process.pid for process in gpu.processes or () if process.kind == "compute"]


def _finding(gpu: NvmlGpu, nvml: Nvml | None, cuda: CudaDriver | None, severity: Severity = "error") -> Finding:
    taken = _holders(gpu) if gpu.compute_mode == EXCLUSIVE else []
    mode = f"exclusive and process {taken[0]} holds it" if taken else "prohibited"
    return Finding(
        title=f"GPU {gpu.index} ({gpu.name or 'unnamed'}): compute mode is {mode}",
        severity=severity,
        evidence=(
            gpu.says("compute_mode", f"GPU {gpu.index}: {MODES.get(gpu.compute_mode or 0, gpu.compute_mode)}"),
            *(gpu.says("processes", f"process {pid}") for pid in taken),
            *((cuda.says("init_code"),) if cuda is not None and cuda.init_code is not None else ()),
        ),
        fix=(Fix("Set the compute mode back to default", f"sudo nvidia-smi -i {gpu.index} -c 0"),),
        gpu=gpu.index,
    )
