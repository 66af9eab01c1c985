"""container.devices-lost"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import cuda_works
from envdoctor.facts import Container, CudaDriver, DeviceNodes, Messages, Nvml, TorchRuntime

NVML_UNKNOWN = 999
CUDA_CANNOT_OPEN = (100, 304, 999)
"""What cuInit returns where it cannot open a node: no device, an operating system call failed, unknown."""


@check(
    "container.devices-lost",
    fields=("container.inside|messages.messages",),
    explains=("cuda.init-failed", "driver.device-permission"),
)
def devices_lost(
    container: Container | None,
    device_nodes: DeviceNodes | None,
    nvml: Nvml | None,
    cuda_driver: CudaDriver | None,
    torch_runtime: TorchRuntime | None,
    messages: Messages | None,
) -> Iterator[Finding]:
    """A running container lost its GPU: the nodes are there, and the device cgroup no longer lets it open them.

    What it means:
    When systemd reloads its units (`systemctl daemon-reload`) it sets the device rules of containers anew and forgets those that the NVIDIA
    hook had added. The nodes stay, opening them fails with EPERM: NVML says "Unknown Error" (999), cuInit 100.

    How to confirm it by hand:
    `nvidia-smi` in the container says "Failed to initialize NVML: Unknown Error", and works in a fresh container.

    Ways out:
    Start the container again. To keep it from happening: name the nodes explicitly (`--device /dev/nvidia0 …`), or use CDI, or set the
    cgroup driver to cgroupfs.

    Often mistaken for:
    A dead GPU or driver: on the host everything works.
    """
    if cuda_works(cuda_driver, torch_runtime):
        return
    code = nvml.init_code if nvml is not None else None
    said = messages.has("nvml-unknown-error") if messages is not None else None
    denied = [node for node in (device_nodes.nodes if device_nodes else ()) if node.error == "EPERM"]
    inside = container is not None and container.inside is True
    if container is not None and container.inside is False:
        return
    by_code = inside and code == NVML_UNKNOWN and _cuda_fails(cuda_driver)
    if (
        not (inside and denied)
        and not by_code
        and not (said is not None and container is None)
        and not (inside and said is not None)
    ):
        return
    if denied:
        title = f"{denied[0].path} exists, and opening it fails with EPERM: the device cgroup forbids it"
    elif code == NVML_UNKNOWN:
        init = f" and cuInit {cuda_driver.init_code}" if cuda_driver is not None else ""
        title = f"The driver's libraries are in the container; NVML returns 999{init}"
    else:
        title = "NVML says Unknown Error (999), as in a container that lost its devices"
    yield Finding(
        title=title,
        detail="The container had the GPU and lost it: systemd set its device rules anew (daemon-reload).",
        evidence=(
            *(node.says("error", f"{node.path}: EPERM") for node in denied[:3]),
            *((nvml.says("init_code"),) if nvml is not None and code is not None else ()),
            *(
                (cuda_driver.says("init_code"),)
                if cuda_driver is not None and cuda_driver.init_code is not None
                else ()
            ),
            *((messages.says("messages", said.text),) if messages is not None and said is not None else ()),
        ),
        fix=(
            Fix("Start the container again", "docker restart CONTAINER"),
            Fix(
                "To keep it from happening, name the nodes",
                "docker run --gpus all --device /dev/nvidiactl --device /dev/nvidia-uvm --device /dev/nvidia0 IMAGE",
            ),
        ),
        confidence="certain" if denied else "likely",
    )


def _cuda_fails(cuda: CudaDriver | None) -> bool:
    return cuda is None or cuda.init_code in (*CUDA_CANNOT_OPEN, None)
