"""driver.fabric-manager-down"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import driver_version, in_container, torch_works
from envdoctor.facts import Container, CudaDriver, KernelModule, Messages, Nvml, PciBus, Processes, TorchRuntime

CUDA_SYSTEM_NOT_READY = 802
NOT_STARTED, IN_PROGRESS = 1, 2
STATES = {NOT_STARTED: "not started", IN_PROGRESS: "in progress"}
SAID = ("nccl-fabric-manager",)


@check(
    "driver.fabric-manager-down",
    fields=("cuda_driver.init_code|nvml.gpus|messages.messages",),
    explains=("cuda.init-failed", "nccl.transport", "gpu.nvlink-down"),
)
def fabric_manager_down(
    cuda_driver: CudaDriver | None,
    nvml: Nvml | None,
    pci_bus: PciBus | None,
    processes: Processes | None,
    kernel_module: KernelModule | None,
    torch_runtime: TorchRuntime | None,
    container: Container | None,
    messages: Messages | None,
) -> Iterator[Finding]:
    """This machine has NVSwitches, and the Fabric Manager that sets them up does not run, or is of another version.

    What it means:
    On HGX and DGX machines CUDA waits until the Fabric Manager has set up the NVLink fabric. Until then cuInit returns 802 (system not yet
    initialized), while nvidia-smi looks healthy. Its version must be the driver's, to the last digit.

    How to confirm it by hand:
    `systemctl status nvidia-fabricmanager`; `nvidia-smi -q | grep -A3 Fabric` shows the state.

    Ways out:
    Install the Fabric Manager of the driver's version and start it. In a container: on the host.

    Often mistaken for:
    A broken CUDA in the image: the image cannot help.
    """
    if torch_works(torch_runtime):
        return
    waiting = [gpu for gpu in (nvml.gpus if nvml else ()) if gpu.fabric_state in (NOT_STARTED, IN_PROGRESS)]
    not_ready = cuda_driver is not None and cuda_driver.init_code == CUDA_SYSTEM_NOT_READY
    said = next((m for key in SAID if messages is not None and (m := messages.has(key)) is not None), None)
    told = not_ready or _said_802(torch_runtime, messages)
    available = torch_runtime.cuda_available if torch_runtime is not None else None
    refused = cuda_driver.init_code not in (None, 0) if cuda_driver is not None else available is False
    if not told and said is None and not (waiting and refused):
        return
    version = driver_version(nvml, kernel_module)
    switches = sum(device.is_nvswitch for device in pci_bus.devices) if pci_bus is not None else 0
    states = (
        f"fabric state {waiting[0].fabric_state} of {len(waiting)} GPU{'s' * (len(waiting) > 1)}"
        if waiting
        else f"{switches} NVSwitches"
        if switches
        else ""
    )
    runs = processes.fabric_manager if processes is not None and not in_container(container) else None
    service = "the Fabric Manager does not run" if runs is False else "the NVLink fabric is not set up"
    yield Finding(
        title=f"{_heard(cuda_driver, told or said is not None)}; {service}" + (f" ({states})" if states else ""),
        detail="802 is 'system not yet initialized': CUDA waits for the Fabric Manager, whose version must be the driver's, to the last digit.",
        evidence=(
            *(
                (cuda_driver.says("init_code"),)
                if cuda_driver is not None and cuda_driver.init_code is not None
                else ()
            ),
            *(gpu.says("fabric_state", f"GPU {gpu.index}: {STATES[gpu.fabric_state or 0]}") for gpu in waiting[:2]),
            *((processes.says("fabric_manager"),) if processes is not None and runs is not None else ()),
            *((messages.says("messages", said.text),) if messages is not None and said is not None else ()),
        ),
        fix=_fix(version, in_container(container)),
        confidence="certain" if not_ready or waiting else "likely",
    )


def _heard(cuda_driver: CudaDriver | None, told: bool) -> str:
    """Who says that CUDA cannot start."""
    if told or cuda_driver is None:
        return f"cuInit returns {CUDA_SYSTEM_NOT_READY}" if told else "torch sees no GPU"
    return f"cuInit returns {cuda_driver.init_code}"


def _said_802(runtime: TorchRuntime | None, messages: Messages | None) -> bool:
    errors = [stage.error or "" for stage in runtime.stages] if runtime is not None else []
    texts = [
        *errors,
        *(runtime.warnings if runtime is not None else ()),
        *(m.text for m in (messages.messages if messages else ())),
    ]
    return any("Error 802" in text or "system not yet initialized" in text for text in texts)


def _fix(version: str | None, inside: bool) -> tuple[Fix, ...]:
    where = " on the host" if inside else ""
    package = f"nvidia-fabricmanager-{version.partition('.')[0]}={version}-1" if version else "nvidia-fabricmanager"
    return (
        Fix(f"Start the Fabric Manager{where}", "sudo systemctl enable --now nvidia-fabricmanager"),
        Fix(f"If it is missing or of another version, install the driver's{where}", f"sudo apt install {package}"),
    )
