"""driver.gpu-not-supported"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.driver_remedy import install_branch, install_driver, install_flavour
from envdoctor.diagnose.predicates import cuda_works, library_version, nvml_works
from envdoctor.facts import (
    CudaDriver,
    DriverLibraries,
    Evidence,
    KernelLog,
    KernelModule,
    Messages,
    Nvml,
    PciBus,
    System,
    TorchRuntime,
)
from envdoctor.knowledge.drivers import architecture, branch_of, drives
from envdoctor.knowledge.gpus import compute_capability_by_pci

OPEN_NEEDED = ("requires use of the NVIDIA open kernel modules",)
OPEN_UNFIT = ("is not supported by open", "Open nvidia.ko is only ready for use on Data Center GPUs")
UNKNOWN = ("is not supported by the", "legacy drivers. Please visit", "driver will ignore this GPU")
SAID = ("kernel-gpu-not-supported-by-open", "kernel-gpu-not-supported", "kernel-open-datacenter-only")


@check(
    "driver.gpu-not-supported",
    fields=("kernel_log.lines|messages.messages|nvml.device_count",),
    explains=(
        *("cuda.init-failed", "driver.device-nodes-missing", "driver.module-not-loaded"),
        *("driver.gpu-missing", "cuda.driver-too-old"),
    ),
)
def gpu_not_supported(
    kernel_log: KernelLog | None,
    messages: Messages | None,
    kernel_module: KernelModule | None,
    nvml: Nvml | None,
    cuda_driver: CudaDriver | None,
    torch_runtime: TorchRuntime | None,
    pci_bus: PciBus | None,
    system: System | None,
    driver_libraries: DriverLibraries | None,
) -> Iterator[Finding]:
    """This driver branch, or this flavour of its kernel module, does not drive this GPU.

    What it means:
    A branch knows the GPUs up to its time and drops old ones; the open kernel module needs Turing or newer, and Blackwell and newer need the
    open one. The module refuses the card: with another card beside it `nvidia-smi` does not list this one, without one the module does not
    even stay loaded ("No such device").

    How to confirm it by hand:
    `sudo dmesg | grep NVRM` names the reason.

    Ways out:
    Install the branch, or the flavour (open or proprietary), that drives this card.

    Often mistaken for:
    A broken card, or a container problem.
    """
    if cuda_works(cuda_driver, torch_runtime) or (nvml_works(nvml) and nvml is not None and nvml.device_count):
        return
    lines = kernel_log.lines if kernel_log is not None else ()
    said = [m.text for key in SAID if messages is not None and (m := messages.has(key)) is not None]
    texts = (*lines, *said)
    needs_open = [text for text in texts if any(part in text for part in OPEN_NEEDED)]
    unfit = [text for text in texts if any(part in text for part in OPEN_UNFIT)]
    unknown = [text for text in texts if any(part in text for part in UNKNOWN) and text not in unfit]
    unknown = unknown or list(_by_the_table(kernel_module, nvml, pci_bus))
    if not (needs_open or unfit or unknown):
        return
    running = kernel_module.version if kernel_module is not None else None
    version = running or library_version(driver_libraries, nvml) or ""
    flavour = (kernel_module.flavour if kernel_module is not None else None) or (
        "proprietary" if needs_open else "open" if unfit else ""
    )
    gpu = next((gpu.name for gpu in (pci_bus.nvidia_gpus if pci_bus else ()) if gpu.name), "the GPU")
    heard = kernel_log is not None and bool(kernel_log.lines)
    source = kernel_log.source("lines") if kernel_log is not None and heard else "the PCI bus and the table of branches"
    if said:
        source = "report"
    reason, fix = _reason(needs_open, unfit, pci_bus, version, system)
    module = f"{flavour.capitalize()} kernel module {version}" if flavour else f"Driver {version}"
    module = module.strip()
    yield Finding(
        title=f"{module} does not drive {gpu}: {reason}",
        evidence=tuple(Evidence(source, text) for text in (*needs_open, *unfit, *unknown)[-3:]),
        fix=fix,
    )


def _by_the_table(module: KernelModule | None, nvml: Nvml | None, bus: PciBus | None) -> Iterator[str]:
    """Where the log cannot be read: the module runs, NVML finds no GPU at all, and the one on the bus is none of its branch's."""
    if module is None or not module.loaded or not module.version or not nvml_works(nvml):
        return
    for gpu in bus.nvidia_gpus if bus is not None and nvml is not None and nvml.device_count == 0 else ():
        capability = compute_capability_by_pci(gpu.device)
        if capability is not None and drives(module.version, capability) is False:
            yield f"{gpu.name or gpu.device} has compute capability {capability}; branch {module.version.partition('.')[0]} lacks it"


def _reason(
    needs_open: list[str], unfit: list[str], bus: PciBus | None, version: str, system: System | None
) -> tuple[str, tuple[Fix, ...]]:
    if needs_open:
        return "it needs the open module", (install_flavour(system, version, open_module=True),)
    if unfit:
        return "the open module lacks it", (install_flavour(system, version, open_module=False),)
    return "this branch lacks it", (_other_branch(bus, version, system),)


def _other_branch(bus: PciBus | None, version: str, system: System | None) -> Fix:
    """The last branch that drives an old card; for a new card, the newest."""
    capabilities = [compute_capability_by_pci(gpu.device) for gpu in (bus.nvidia_gpus if bus is not None else ())]
    rows = [row for capability in capabilities if capability and (row := architecture(capability)) is not None]
    last = next((row.last_branch for row in rows if row.last_branch is not None), None)
    branch = branch_of(version) if version else None
    if last is None or branch is None or branch.branch <= last:
        return install_driver(system)
    return install_branch(system, last)
