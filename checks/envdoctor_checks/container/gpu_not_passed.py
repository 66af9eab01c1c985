"""container.gpu-not-passed"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, check
from envdoctor.diagnose.predicates import cuda_works, libcuda_on_path, nodes_seen, on_jetson, on_wsl
from envdoctor.diagnose.remedy import rerun_container
from envdoctor.diagnose.said import quoted
from envdoctor.facts import (
    Container,
    CudaDriver,
    DeviceNodes,
    DriverLibraries,
    KernelModule,
    Messages,
    Nvml,
    PciBus,
    System,
    TorchRuntime,
)
from envdoctor.knowledge.messages import message

NO_MODULE_SEEN = (9, 12)
"""What nvmlInit returns where it cannot open a node, or where its library is not there."""
ECHOES = (
    "container.capabilities-missing",
    "cuda.init-failed",
    "cuda.library-missing",
    "cuda.stub-loaded",
    "env.visible-devices",
    *("driver.not-installed", "driver.module-not-loaded", "driver.device-nodes-missing", "driver.gpu-missing"),
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
    kernel_module: KernelModule | None,
    nvml: Nvml | None,
) -> Iterator[Finding]:
    """This container was started without the GPU.

    What it means:
    A container sees the GPU only if the runtime puts the device nodes and the driver's libraries into it: `--gpus all`, a runtime class, a
    device plugin's resource, or CDI. Here neither /dev/nvidia* nor libcuda were put in. Apptainer shows the host's nodes always, and
    the libraries with `--nv` only.

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
            title=f"The {container.engine or 'container'} command asks for no GPU; {said}",
            detail="Without it the runtime puts neither device nodes nor driver libraries into the container.",
            evidence=(container.says("gpus_requested", f"{container.engine or 'container'} run without a GPU option"),),
            fix=(rerun_container(container),),
            confidence="likely",
        )
    if device_nodes is None or not container.inside or cuda_works(cuda_driver, torch_runtime):
        return
    wsl, jetson, bare = on_wsl(system), on_jetson(system), container.engine == "apptainer" or on_jetson(system)
    if wsl and any(node.exists for node in device_nodes.nodes if node.path == "/dev/dxg"):
        return
    has_nodes = nodes_seen(device_nodes) or any(
        node.exists for node in device_nodes.nodes if node.path == "/dev/nvidiactl"
    )
    has_libcuda = libcuda_on_path(driver_libraries, cuda_driver) is True and _real(driver_libraries)
    alone = has_libcuda and _of_the_image(container, kernel_module, nvml, cuda_driver)
    if (has_libcuda and not alone) or (has_nodes and not bare):
        return
    if pci_bus is not None and not pci_bus.nvidia_gpus and not wsl and not jetson:
        return
    hidden = container.visible_devices in ("void", "none")
    yield Finding(
        title=_title(container, pci_bus, wsl=wsl, jetson=jetson, nodes=has_nodes, libcuda=has_libcuda),
        detail="The driver's libraries are part of the image, which they must not be: they find no device node to talk to."
        if alone
        else "It was started without the GPU: the runtime put neither device nodes nor driver libraries into it.",
        evidence=(
            container.says("inside", container.engine),
            *(() if has_nodes else (device_nodes.says("nodes", f"no {_nodes(wsl)}"),)),
            *((driver_libraries.says("copies", "no libcuda.so.1"),) if driver_libraries and not has_libcuda else ()),
            *((cuda_driver.says("library"), cuda_driver.says("init_code")) if cuda_driver and alone else ()),
            *((container.says("visible_devices"),) if container.visible_devices else ()),
        ),
        fix=(rerun_container(container, jetson=jetson),),
        confidence="certain" if (pci_bus is not None or wsl) and not hidden and not alone else "likely",
    )


def _nodes(wsl: bool) -> str:
    return "/dev/dxg" if wsl else "/dev/nvidia*"


def _title(container: Container, pci_bus: PciBus | None, *, wsl: bool, jetson: bool, nodes: bool, libcuda: bool) -> str:
    """What is not there, and that the host has a GPU, where that is known."""
    hidden = container.visible_devices in ("void", "none")
    lacks = "libcuda" if nodes or jetson else _nodes(wsl) if libcuda else f"{_nodes(wsl)} and no libcuda"
    count = len(pci_bus.nvidia_gpus) if pci_bus is not None and not wsl else 0
    where = " on a Jetson" if jetson else ""
    why = f" (NVIDIA_VISIBLE_DEVICES={container.visible_devices})" if hidden else ""
    ends = f"; the host has {count} on its bus" if count and not hidden else ""
    return f"{_name(container)} container{where} has no {lacks}{why}{ends}"


def _of_the_image(
    container: Container, module: KernelModule | None, nvml: Nvml | None, cuda: CudaDriver | None
) -> bool:
    """Whether the driver's libraries in the container were not put in by a runtime, and do not reach the module that the host runs."""
    put_in = container.injected is None or any("libcuda" in path for path in container.injected)
    reached = nvml is not None and nvml.init_code not in (None, *NO_MODULE_SEEN)
    fails = cuda is not None and cuda.init_code not in (None, 0)
    return not put_in and not reached and fails and module is not None and module.loaded is True


LACKS = ("libcuda.so.1: cannot open shared object file", "Found no NVIDIA driver", "No CUDA GPUs are available")
ID = "container.gpu-not-passed"


def _misses_it(messages: Messages | None, runtime: TorchRuntime | None) -> str | None:
    """What a program in the container said that saw no GPU; None: nothing."""
    for said in messages.messages if messages is not None else ():
        text = next((text for text in LACKS if text in said.text), None)
        if text is not None:
            return text
        row = message(said.key)
        if row is not None and ID in (row.cause, *row.also):
            return quoted(said, 60)
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
