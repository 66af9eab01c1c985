"""driver.device-nodes-missing"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import cuda_works, in_container, nvml_works, on_jetson, on_wsl
from envdoctor.facts import Container, CudaDriver, DeviceNodes, KernelModule, Nvml, System, TorchRuntime

ECHOES = ("cuda.init-failed", "container.devices-lost")
NODE_CODES = (100, 304, 999)
"""What cuInit returns where it cannot open a node."""
MAKE = {
    "/dev/nvidia-uvm": "sudo nvidia-modprobe -u -c=0",
    "/dev/nvidiactl": "sudo nvidia-modprobe -c=0",
}


@check("driver.device-nodes-missing", explains=ECHOES)
def device_nodes_missing(
    device_nodes: DeviceNodes,
    kernel_module: KernelModule | None,
    nvml: Nvml | None,
    cuda_driver: CudaDriver | None,
    torch_runtime: TorchRuntime | None,
    container: Container | None,
    system: System | None,
) -> Iterator[Finding]:
    """The kernel module is loaded, and a device node that CUDA opens is not there.

    What it means:
    CUDA opens /dev/nvidiactl, /dev/nvidia0 … and /dev/nvidia-uvm. nvidia-smi does without the last one, so it looks healthy while cuInit
    fails with 999, 304 or 100. The node appears when nvidia_uvm is loaded, which often nothing does at boot on a server.

    How to confirm it by hand:
    `ls -l /dev/nvidia*`.

    Ways out:
    `sudo nvidia-modprobe -u -c=0` makes the nodes; nvidia-persistenced or a udev rule does it at every boot. In a container, pass the missing
    node in (`--device /dev/nvidia-uvm`).

    Often mistaken for:
    A broken CUDA installation, because nvidia-smi works.
    """
    if cuda_works(cuda_driver, torch_runtime) or on_wsl(system) or on_jetson(system):
        return
    code = _unmasked(cuda_driver)
    if code is not None and code not in NODE_CODES:
        return  # CUDA came past the nodes: another check knows what that code means
    running = (kernel_module is not None and kernel_module.loaded is True) or nvml_works(nvml)
    some = any(node.exists for node in device_nodes.nodes if node.path.startswith("/dev/nvidia"))
    if kernel_module is None and nvml is None:
        running = some  # of a report that shows the nodes and no more
    if not running or (
        not some and (in_container(container) or nvml_works(nvml)) and not (code is not None and nvml_works(nvml))
    ):
        return  # NVML cannot work without /dev/nvidiactl: where it does and none is seen, it is not we who see all nodes
    missing = [path for path in MAKE if (node := device_nodes.node(path)) is not None and node.exists is False]
    expected = nvml.device_count if nvml is not None and nvml.device_count else 0
    if not device_nodes.gpu_nodes and (some or expected):
        missing.append("/dev/nvidia0")
    if not missing:
        return
    seen = (
        f"NVML works ({expected} GPU{'s' * (expected != 1)})"
        if nvml_works(nvml)
        else f"kernel module {(kernel_module and kernel_module.version) or 'nvidia'} is loaded"
    )
    ends = f" and cuInit returns {cuda_driver.init_code}" if cuda_driver is not None and cuda_driver.init_code else ""
    flags = " ".join(f"--device {path}" for path in missing)
    yield Finding(
        title=f"{', '.join(missing)} missing; {seen}{ends}",
        detail="CUDA opens these nodes; nvidia-smi does without /dev/nvidia-uvm, so it can look healthy.",
        evidence=(
            *(node.says("exists", "not there") for path in missing if (node := device_nodes.node(path)) is not None),
            *(
                (kernel_module.says("uvm_loaded", "no nvidia_uvm module"),)
                if kernel_module is not None and kernel_module.uvm_loaded is False
                else ()
            ),
            *((cuda_driver.says("init_code"),) if cuda_driver is not None and cuda_driver.init_code else ()),
        ),
        fix=(
            Fix("Start the container with the missing node", f"docker run --gpus all {flags} IMAGE")
            if in_container(container)
            else Fix("Load nvidia_uvm and make the nodes", MAKE.get(missing[0], "sudo nvidia-modprobe -c=0 -u")),
        ),
        confidence="certain" if some else "likely",
    )


def _unmasked(cuda: CudaDriver | None) -> int | None:
    """What cuInit returned, without CUDA_VISIBLE_DEVICES where that was tried; None: unknown."""
    if cuda is None:
        return None
    return cuda.init_code if cuda.unmasked_init_code is None else cuda.unmasked_init_code
