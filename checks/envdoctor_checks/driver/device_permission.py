"""driver.device-permission"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import cuda_works
from envdoctor.facts import CudaDriver, DeviceNode, DeviceNodes, Messages, Nvml, System, TorchRuntime

NVML_NO_PERMISSION = 4
NEEDED = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/dxg", "/dev/nvmap", "/dev/nvhost-gpu")


@check(
    "driver.device-permission",
    fields=("device_nodes.nodes|nvml.init_code|messages.messages",),
    explains=("cuda.init-failed", "driver.device-nodes-missing", "container.devices-lost"),
)
def device_permission(
    device_nodes: DeviceNodes | None,
    nvml: Nvml | None,
    cuda_driver: CudaDriver | None,
    torch_runtime: TorchRuntime | None,
    system: System | None,
    messages: Messages | None,
) -> Iterator[Finding]:
    """This user may not open the GPU's device nodes.

    What it means:
    The nodes are there and their permission bits keep this user out. NVML says 4 (insufficient permissions), cuInit 100 (no device).

    How to confirm it by hand:
    `ls -l /dev/nvidia*` against `id`.

    Ways out:
    Join the group that owns the nodes (often `video` or `render`) and log in again; or let the driver make them open to all
    (`NVreg_DeviceFileMode=0666`, the default).

    Often mistaken for:
    A container whose device cgroup forbids the nodes: there opening fails with EPERM though the bits allow it (container.devices-lost).
    """
    if cuda_works(cuda_driver, torch_runtime):
        return
    barred = [
        node for node in (device_nodes.nodes if device_nodes else ()) if node.error == "EACCES" and _is_needed(node)
    ]
    code = nvml.init_code if nvml is not None else None
    said = messages.has("nvml-no-permission") if messages is not None else None
    if not barred and code != NVML_NO_PERMISSION and said is None:
        return
    if not barred and device_nodes is not None and any(node.error == "EPERM" for node in device_nodes.nodes):
        return
    user = (system.user if system is not None else None) or "this user"
    if barred:
        node = barred[0]
        title = f"{node.path} is {node.mode} {node.owner}:{node.group}; user {user} may not open it"
    else:
        title = "NVML says that this user lacks permission (4)"
    yield Finding(
        title=title,
        evidence=(
            *(node.says("mode", f"{node.mode} {node.owner}:{node.group}") for node in barred),
            *(node.says("error") for node in barred),
            *((nvml.says("init_code"),) if nvml is not None and code is not None else ()),
            *((messages.says("messages", said.text),) if messages is not None and said is not None else ()),
        ),
        fix=_fix(barred, user),
    )


def _is_needed(node: DeviceNode) -> bool:
    return node.path in NEEDED or node.path.removeprefix("/dev/nvidia").isdigit()


def _fix(barred: list[DeviceNode], user: str) -> tuple[Fix, ...]:
    others = [node.path for node in barred if not node.path.startswith("/dev/nvidia")]
    which = " ".join(others) or "/dev/nvidia*"
    everyone = Fix("Open the nodes to every user, as the driver does by default", f"sudo chmod 666 {which}")
    group = barred[0].group if barred else None
    readable = barred and barred[0].mode is not None and barred[0].mode[4:6] == "rw"
    if group and group not in ("root", "nogroup") and readable:
        name = user if user != "this user" else "$USER"
        return Fix(f"Join the group {group}, then log in again", f"sudo usermod -aG {group} {name}"), everyone
    return (everyone,)
