"""hardware.fewer-gpus"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.facts import CudaDriver, Expectation, Nvml, PciBus


@check("hardware.fewer-gpus", fields=("expectation.gpus", "cuda_driver.device_count|nvml.device_count"))
def fewer_gpus(
    expectation: Expectation, cuda_driver: CudaDriver | None, nvml: Nvml | None, pci_bus: PciBus | None
) -> Iterator[Finding]:
    """Fewer GPUs than ``--expect N`` says this machine has.

    What it means:
    A GPU is missing between the slot and CUDA. The evidence tells where it gets lost: on the PCI bus (seating, power,
    firmware), in the driver (NVML counts fewer than the bus: the GPU is lost or not supported), or above it
    (CUDA counts fewer than NVML: CUDA_VISIBLE_DEVICES, MIG, a container that was given some of them only).

    How to confirm it by hand:
    Compare `lspci -d 10de:`, `nvidia-smi -L` and `python -c "import torch; print(torch.cuda.device_count())"`.

    Ways out:
    A GPU that is not on the bus: power the machine off and on, then reseat or replace it. One that only the driver lacks:
    see driver.gpu-lost. One that only CUDA lacks: see env.visible-devices.

    Often mistaken for:
    A wrong expectation: `--expect` counts what torch is to see, MIG slices and masked GPUs included.
    """
    wanted = expectation.gpus or 0
    evidence = [expectation.says("gpus")]
    counts: list[int] = []
    if pci_bus is not None:
        evidence.append(pci_bus.says("devices", f"{len(pci_bus.nvidia_gpus)} NVIDIA GPUs"))
    for fact in (nvml, cuda_driver):
        if fact is not None and fact.device_count is not None:
            evidence.append(fact.says("device_count"))
            counts.append(fact.device_count)
    seen = counts[-1]
    if seen < wanted:
        yield Finding(
            title=f"{wanted} GPUs expected; {'CUDA' if cuda_driver and cuda_driver.device_count is not None else 'NVML'} sees {seen}",
            detail="The first count in the evidence that is too low shows the layer that loses it.",
            evidence=tuple(evidence),
            fix=(Fix("Find where it gets lost: compare the bus with the driver", "lspci -d 10de: ; nvidia-smi -L"),),
        )
