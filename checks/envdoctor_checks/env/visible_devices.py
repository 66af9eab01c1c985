"""env.visible-devices"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Confidence, Finding, Fix, check
from envdoctor.diagnose.remedy import unset_variable
from envdoctor.facts import CudaDriver, Environment, Messages, Nvml, NvmlGpu, TorchInstall, TorchRuntime

NAME = "CUDA_VISIBLE_DEVICES"
SAID = ("torch-device-not-visible",)


@check(
    "env.visible-devices",
    fields=("environment.variables|messages.messages",),
    explains=("cuda.init-failed", "compute.cpu-fallback"),
)
def visible_devices(
    environment: Environment | None,
    nvml: Nvml | None,
    cuda_driver: CudaDriver | None,
    messages: Messages | None,
    torch_runtime: TorchRuntime | None,
    torch_install: TorchInstall | None,
) -> Iterator[Finding]:
    """CUDA_VISIBLE_DEVICES hides the GPU, or some of the GPUs that it names.

    What it means:
    CUDA shows a program only the devices that this variable lists, by index, by the beginning of a GPU- uuid or by a MIG- uuid. Empty or -1 hides
    all; the list ends at the first entry that names no device, so `0,9,1` shows one GPU.

    How to confirm it by hand:
    `echo "[$CUDA_VISIBLE_DEVICES]"`; `env -u CUDA_VISIBLE_DEVICES python -c "import torch; print(torch.cuda.device_count())"`.

    Ways out:
    Unset it, or name devices that `nvidia-smi -L` lists. A scheduler (Slurm, Kubernetes) sets it on purpose: then ask that for a GPU.

    Often mistaken for:
    A missing driver: cuInit says 100 (no CUDA-capable device) for both. The order of indexes is CUDA's (CUDA_DEVICE_ORDER), not nvidia-smi's.
    """
    value = environment.get(NAME) if environment is not None else None
    if environment is None or value is None:
        return
    gpus = nvml.gpus if nvml is not None else ()
    total = _total(nvml, cuda_driver)
    entries = [entry.strip() for entry in value.split(",")]
    good = _good(entries, gpus, total)
    seen = cuda_driver.device_count if cuda_driver is not None and cuda_driver.init_code == 0 else None
    if total == 0 or (seen is not None and seen >= len(entries)):
        return
    hides_all = value.strip() == "" or entries[0].startswith("-") or entries[0] in ("NoDevFiles", "none", "void")
    if (
        not hides_all
        and good is None
        and _sees_none(torch_runtime, messages, cuda_driver)
        and _is_gpu_build(torch_install)
    ):
        if entries[0] != "0" or _only_masked(cuda_driver):
            yield _unseen(value, environment)
        return
    if not hides_all and (good is None or good == len(entries)):
        return
    have = f"; this machine has {total}" if total else ""
    if hides_all:
        title = (
            f"{NAME}={value!r} hides every GPU{have}"
            if value.strip() == ""
            else f"{NAME}={value} hides every GPU{have}"
        )
    elif good == 0:
        title = f"{NAME}={value} names no GPU{have}"
    else:
        title = (
            f"{NAME}={value} shows {good} GPU{'s' if good != 1 else ''}: the list ends at {entries[good or 0]!r}{have}"
        )
    proven = cuda_driver is not None and cuda_driver.unmasked_init_code == 0 and cuda_driver.init_code not in (0, None)
    confidence: Confidence = "certain" if proven or total else "likely"
    yield Finding(
        title=title,
        severity="error" if hides_all or good == 0 else "warning",
        detail="CUDA shows a program only what this variable lists, up to the first entry that names no device.",
        evidence=(
            environment.says("variables", f"{NAME}={value}"),
            *(
                (cuda_driver.says("init_code"),)
                if cuda_driver is not None and cuda_driver.init_code is not None
                else ()
            ),
            *(
                (cuda_driver.says("unmasked_device_count"),)
                if cuda_driver is not None and cuda_driver.unmasked_device_count
                else ()
            ),
            *((nvml.says("device_count"),) if nvml is not None and nvml.device_count is not None else ()),
        ),
        fix=(unset_variable(NAME),),
        confidence=confidence,
    )


NONE_SEEN = (
    *("torch-no-gpus-available", "torch-device-not-visible", "cuda-no-device", "cuda-error-no-device"),
    "ollama-no-compatible-gpu",
)


def _only_masked(cuda: CudaDriver | None) -> bool:
    """Whether CUDA finds no device with the variable and works without it."""
    return cuda is not None and cuda.init_code not in (0, None) and cuda.unmasked_init_code == 0


def _sees_none(runtime: TorchRuntime | None, messages: Messages | None, cuda: CudaDriver | None) -> bool:
    """Whether torch was seen to find no device, or CUDA to find one only without the variable."""
    if _only_masked(cuda):
        return True
    if runtime is not None and (runtime.cuda_available is False or runtime.device_count == 0):
        return True
    return messages is not None and any(messages.has(key) is not None for key in NONE_SEEN)


def _is_gpu_build(install: TorchInstall | None) -> bool:
    """Whether torch is not known to be a build for the processor."""
    return install is None or install.build != "cpu"


def _unseen(value: str, environment: Environment) -> Finding:
    """torch finds no device with the variable, and nobody tells how many there are."""
    return Finding(
        title=f"{NAME}={value}, and torch finds no device",
        detail="A machine with one GPU has only device 0; a uuid must be that of a GPU of this machine.",
        evidence=(environment.says("variables", f"{NAME}={value}"),),
        fix=(unset_variable(NAME), Fix("See which devices there are", "nvidia-smi -L")),
        confidence="likely",
    )


def _total(nvml: Nvml | None, cuda: CudaDriver | None) -> int | None:
    """How many GPUs there are without the mask; None: unknown."""
    if cuda is not None and cuda.unmasked_device_count is not None:
        return cuda.unmasked_device_count
    return nvml.device_count if nvml is not None else None


def _good(entries: list[str], gpus: tuple[NvmlGpu, ...], total: int | None) -> int | None:
    """How many entries CUDA takes before the first that names no device (or one named before); None: that cannot be told."""
    taken: set[str] = set()
    for count, entry in enumerate(entries):
        device = _device(entry, gpus, total)
        if device is None:
            return None
        if device == "" or device in taken:
            return 0 if device in taken else count  # a device named twice makes CUDA show none
        taken.add(device)
    return len(entries)


def _device(entry: str, gpus: tuple[NvmlGpu, ...], total: int | None) -> str | None:
    """What an entry names; empty: nothing; None: unknown."""
    if entry.isdigit():
        return None if total is None else entry if int(entry) < total else ""
    uuids = [uuid for gpu in gpus for uuid in (gpu.uuid, *(gpu.mig_uuids or ())) if uuid]
    if not entry.startswith(("GPU-", "MIG-")):
        return ""
    if not uuids:
        return None
    matching = [uuid for uuid in uuids if uuid.lower().startswith(entry.lower())]
    return matching[0] if len(matching) == 1 else ""
