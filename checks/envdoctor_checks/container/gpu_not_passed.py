"""container.gpu-not-passed"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import cuda_works, libcuda_on_path, nodes_seen, on_jetson, on_wsl
from envdoctor.diagnose.remedy import rerun_container
from envdoctor.facts import Container, CudaDriver, DeviceNodes, DriverLibraries, Messages, PciBus, System, TorchRuntime

ECHOES = (
    "container.capabilities-missing",
    "cuda.init-failed",
    "cuda.library-missing",
    "cuda.stub-loaded",
    "env.visible-devices",
    "driver.*",
)


@check(
    "container.gpu-not-passed",
    fields=("container.inside|container.gpus_requested", "device_nodes.nodes|container.gpus_requested"),
    explains=ECHOES,
)
def gpu_not_passed(
    container: Container,
    device_nodes: DeviceNodes | None,
    driver_libraries: DriverLibraries | None,
    cuda_driver: CudaDriver | None,
    torch_runtime: TorchRuntime | None,
    pci_bus: PciBus | None,
    system: System | None,
    messages: Messages | None,
) -> Iterator[Finding]:
    """This container was started without the GPU.

    What it means:
    A container sees the GPU only if the runtime puts the device nodes and the driver's libraries into it: `--gpus all`, a runtime class, a
    device plugin's resource, or CDI. Here neither /dev/nvidia* nor libcuda were put in.

    How to confirm it by hand:
    `ls /dev/nvidia*` and `ldconfig -p | grep libcuda.so.1` print nothing; the same image started with `--gpus all` has both.

    Ways out:
    Start it again with the GPU. Docker: `--gpus all`; Compose: `deploy.resources.reservations.devices`; Kubernetes: the limit
    `nvidia.com/gpu: 1`; Podman: `--device nvidia.com/gpu=all`.

    Often mistaken for:
    A driver to be installed in the image: it must not be; it belongs to the host. A host without a GPU: then the PCI bus shows none.
    """
    if container.gpus_requested is False and (said := _misses_it(messages, torch_runtime)) is not None:
        yield Finding(
            title=f"The {container.engine or 'container'} command asks for no GPU; {said}"[:100],
            detail="Without it the runtime puts neither device nodes nor driver libraries into the container.",
            evidence=(container.says("gpus_requested", f"{container.engine or 'container'} run without a GPU option"),),
            fix=(_fix(container),),
            confidence="likely",
        )
    if device_nodes is None or not container.inside or cuda_works(cuda_driver, torch_runtime) or on_jetson(system):
        return
    wsl = on_wsl(system)
    if wsl and any(node.exists for node in device_nodes.nodes if node.path == "/dev/dxg"):
        return
    if nodes_seen(device_nodes) or (libcuda_on_path(driver_libraries, cuda_driver) is True and _real(driver_libraries)):
        return
    if any(node.exists for node in device_nodes.nodes if node.path == "/dev/nvidiactl"):
        return
    if pci_bus is not None and not pci_bus.nvidia_gpus and not wsl:
        return
    where = f"; the host has {len(pci_bus.nvidia_gpus)} on its bus" if pci_bus is not None and not wsl else ""
    hidden = container.visible_devices in ("void", "none")
    asked = f" (NVIDIA_VISIBLE_DEVICES={container.visible_devices})" if container.visible_devices else ""
    yield Finding(
        title=f"{_name(container)} container has no /dev/{'dxg' if wsl else 'nvidia*'}{asked} and no libcuda{where}"[
            :100
        ],
        detail="It was started without the GPU: the runtime put neither device nodes nor driver libraries into it.",
        evidence=(
            container.says("inside", container.engine),
            device_nodes.says("nodes", "no /dev/dxg" if wsl else "no /dev/nvidia0, no /dev/nvidiactl"),
            *((driver_libraries.says("copies", "no libcuda.so.1"),) if driver_libraries is not None else ()),
            *((container.says("visible_devices"),) if hidden else ()),
        ),
        fix=(_fix(container),),
        confidence="certain" if pci_bus is not None or wsl else "likely",
    )


LACKS = ("libcuda.so.1: cannot open shared object file", "Found no NVIDIA driver", "No CUDA GPUs are available")


def _misses_it(messages: Messages | None, runtime: TorchRuntime | None) -> str | None:
    """What a program in the container said that saw no GPU; None: nothing."""
    for said in messages.messages if messages is not None else ():
        text = next((text for text in LACKS if text in said.text), None)
        if text is not None:
            return text
    if messages is not None and messages.has("nvidia-smi-not-found") is not None:
        return "nvidia-smi is not found"
    if runtime is not None and runtime.cuda_available is False:
        return "torch.cuda.is_available() is False"
    return None


def _real(libraries: DriverLibraries | None) -> bool:
    winner = libraries.winner("libcuda.so.1") if libraries is not None else None
    return winner is None or winner.kind not in ("stub", "compat")


def _name(container: Container) -> str:
    return (container.engine or "this").capitalize() if container.engine != "unknown" else "This"


def _fix(container: Container) -> Fix:
    if container.engine == "kubernetes":
        return Fix(
            "Ask for a GPU in the pod's spec: resources.limits nvidia.com/gpu: 1 (and runtimeClassName: nvidia where it is no default)"
        )
    if container.engine == "podman":
        return Fix("Start the container again with the GPU, by CDI", "podman run --device nvidia.com/gpu=all IMAGE")
    if container.engine == "apptainer":
        return Fix("Start the container again with the GPU", "apptainer exec --nv IMAGE COMMAND")
    return rerun_container("--gpus all")
