"""container.capabilities-missing"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import cuda_works, libcuda_on_path, nodes_seen, nvml_on_path, nvml_works
from envdoctor.facts import Container, CudaDriver, DeviceNodes, DriverLibraries, Messages, Nvml, TorchRuntime

BOTH = Fix("Start the container with both", "docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=compute,utility IMAGE")


@check(
    "container.capabilities-missing",
    fields=("container.inside|container.driver_capabilities",),
    explains=(
        *("cuda.init-failed", "cuda.library-missing", "cuda.stub-loaded"),
        *("driver.not-installed", "driver.module-not-loaded", "driver.device-nodes-missing", "driver.gpu-missing"),
    ),
)
def capabilities_missing(
    container: Container,
    device_nodes: DeviceNodes | None,
    driver_libraries: DriverLibraries | None,
    cuda_driver: CudaDriver | None,
    nvml: Nvml | None,
    torch_runtime: TorchRuntime | None,
    messages: Messages | None,
) -> Iterator[Finding]:
    """The container was given the GPU without the driver library that is needed: NVIDIA_DRIVER_CAPABILITIES lacks one.

    What it means:
    The runtime puts in only the libraries that NVIDIA_DRIVER_CAPABILITIES names: `compute` brings libcuda, `utility` brings NVML and nvidia-smi.
    Unset, it means `utility,compute` with the toolkit's defaults, but `utility` alone in some images and older hooks.

    How to confirm it by hand:
    `echo $NVIDIA_DRIVER_CAPABILITIES`; `ldconfig -p | grep -E 'libcuda.so.1|libnvidia-ml.so.1'` shows which one is missing.

    Ways out:
    Start the container with `-e NVIDIA_DRIVER_CAPABILITIES=compute,utility` (or `all`).

    Often mistaken for:
    A host without a driver: nvidia-smi works in the container, CUDA does not.
    """
    if container.inside is None and (why := _by_report(container, messages, torch_runtime)) is not None:
        yield Finding(
            title=f"NVIDIA_DRIVER_CAPABILITIES={container.driver_capabilities}; {why}",
            detail="Without the capability compute the runtime leaves libcuda out.",
            evidence=(container.says("driver_capabilities"),),
            fix=(BOTH,),
        )
    if not container.inside or not (nodes_seen(device_nodes) or nvml_works(nvml)) or container.engine == "apptainer":
        return  # Apptainer has no such variable: it puts in all or nothing
    has_cuda, has_nvml = libcuda_on_path(driver_libraries, cuda_driver), nvml_on_path(driver_libraries, nvml)
    if has_cuda and driver_libraries is not None and _only_stubs(driver_libraries):
        has_cuda = False
    said = container.driver_capabilities or ""
    listed = {part.strip() for part in said.split(",")} if said else set()
    shown = f"NVIDIA_DRIVER_CAPABILITIES={said}" if said else "NVIDIA_DRIVER_CAPABILITIES is not set"
    given = "the GPU's nodes are" if nodes_seen(device_nodes) else "libnvidia-ml.so.1 is"
    evidence = (
        container.says("driver_capabilities", said or "not set"),
        *((driver_libraries.says("copies", _names(driver_libraries)),) if driver_libraries is not None else ()),
    )
    if has_cuda is False and not cuda_works(cuda_driver, torch_runtime) and not listed & {"compute", "all"}:
        yield Finding(
            title=f"{shown}; {given} in the container, libcuda.so.1 is not",
            detail="Without the capability compute the runtime leaves libcuda out.",
            evidence=evidence,
            fix=(BOTH,),
            confidence="certain" if said or has_nvml else "likely",
        )
    elif has_nvml is False and has_cuda is True and not listed & {"utility", "all"}:
        hurt = messages.has("nccl-no-nvml") if messages is not None else None
        yield Finding(
            title=f"{shown}; libcuda.so.1 is in the container, libnvidia-ml.so.1 is not",
            detail="torch computes without NVML; nvidia-smi and NCCL on several GPUs do not.",
            severity="warning" if hurt is not None else "info",
            evidence=evidence,
            fix=(BOTH,),
        )


def _only_stubs(libraries: DriverLibraries) -> bool:
    """Whether every libcuda is the stub of a toolkit in the image: that one is for linking, and no runtime put it in."""
    copies = [copy.kind for copy in libraries.copies if copy.name == "libcuda.so.1"]
    return bool(copies) and set(copies) == {"stub"}


def _names(libraries: DriverLibraries) -> str:
    return (
        ", ".join(sorted({copy.name for copy in libraries.copies if copy.wins}))
        or "neither libcuda.so.1 nor libnvidia-ml.so.1"
    )


def _by_report(container: Container, messages: Messages | None, runtime: TorchRuntime | None) -> str | None:
    """What a report says that follows from a capability that was not asked for; None: it was, or nothing follows."""
    listed = {part.strip() for part in (container.driver_capabilities or "").split(",")} - {""}
    if not listed or listed & {"compute", "all"}:
        return None
    texts = [said.text for said in messages.messages] if messages is not None else []
    if any("libcuda.so.1" in text for text in texts):
        return "libcuda.so.1 cannot be found"
    return "torch sees no GPU" if runtime is not None and runtime.cuda_available is False else None
