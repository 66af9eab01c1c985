"""driver.gpu-lost"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.cards import card
from envdoctor.diagnose.driver_remedy import reboot
from envdoctor.facts import KernelLog, Messages, Nvml, NvmlGpu

NVML_GPU_IS_LOST = 15
NVML_UNKNOWN = 999
"""Of one GPU's handle: nvidia-smi's "Unable to determine the device handle … Unknown Error"."""
XID_FALLEN_OFF_THE_BUS = 79
SAID = (
    *("kernel-fallen-off-bus", "kernel-fallen-off-bus-unresponsive", "nvml-gpu-lost", "nvml-no-device-handle"),
    "user-falls-off-bus",
)


@check(
    "driver.gpu-lost",
    fields=("nvml.init_code|kernel_log.xids|messages.messages",),
    explains=("cuda.init-failed", "gpu.xid-errors", "container.devices-lost", "driver.device-nodes-missing"),
)
def gpu_lost(nvml: Nvml | None, kernel_log: KernelLog | None, messages: Messages | None) -> Iterator[Finding]:
    """A GPU fell off the bus: the driver cannot reach it any more.

    What it means:
    The card stopped answering on PCIe: power, heat, seating, or a defect. One lost GPU often keeps CUDA from starting on all of them.

    How to confirm it by hand:
    `sudo dmesg | grep -i 'fallen off the bus'`, Xid 79; `nvidia-smi` says "GPU is lost" or "Unable to determine the device handle".

    Ways out:
    Take the machine's power away and start it again (a warm restart is often not enough). If it comes back, look at power supply, cables,
    seating, temperature and the firmware; then have the card replaced. Until then, leave it out with CUDA_VISIBLE_DEVICES.

    Often mistaken for:
    A driver fault: reinstalling it changes nothing.
    """
    gpus = nvml.gpus if nvml is not None else ()
    lost = [gpu for gpu in gpus if gpu.error in (NVML_GPU_IS_LOST, NVML_UNKNOWN)]
    xids = [event for event in (kernel_log.xids if kernel_log else ()) if event.code == XID_FALLEN_OFF_THE_BUS]
    at_init = nvml is not None and nvml.init_code == NVML_GPU_IS_LOST
    said = next((m for key in SAID if messages is not None and (m := messages.has(key)) is not None), None)
    certain = any(gpu.error == NVML_GPU_IS_LOST for gpu in lost)
    healthy = [gpu.index for gpu in gpus if not gpu.error]
    if gpus and not lost and not at_init and said is None:
        return  # every GPU answers now: an older Xid 79 is history
    if not lost and not at_init and not xids and said is None:
        return
    count = f" of {nvml.device_count}" if nvml is not None and nvml.device_count else ""
    which = f"GPU {lost[0].index}{count} {_how(lost[0])}" if lost else f"NVML says a GPU{count} is lost (15)"
    if not lost and not at_init:
        place = card(None, xids[-1].pci if xids else None)
        which = f"{place} has fallen off the bus" + (" (Xid 79)" if xids else "")
    rest = (
        [Fix("Until then, use the others", f"export CUDA_VISIBLE_DEVICES={','.join(map(str, healthy))}")]
        if lost and healthy
        else []
    )
    yield Finding(
        title=f"{which}; {len(healthy)} still answer" if lost and count else which,
        detail="The card stopped answering on PCIe. A warm restart is often not enough.",
        evidence=(
            *(gpu.says("error", f"GPU {gpu.index}: {_how(gpu)}") for gpu in lost),
            *((nvml.says("init_code"),) if nvml is not None and at_init else ()),
            *((kernel_log.says("xids", event.text) for event in xids[-2:]) if kernel_log else ()),
            *((messages.says("messages", said.text),) if messages is not None and said is not None else ()),
        ),
        fix=(
            Fix("Take the power away from the machine, and start it again", "sudo poweroff"),
            *(rest or [reboot("if its power cannot be cut")]),
        ),
        gpu=lost[0].index if lost else None,
        confidence="certain" if certain or at_init or xids else "likely",
    )


def _how(gpu: NvmlGpu) -> str:
    return "is lost (NVML 15)" if gpu.error == NVML_GPU_IS_LOST else "gives no handle (NVML 999)"
