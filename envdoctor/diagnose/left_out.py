"""Which GPUs the user left out with CUDA_VISIBLE_DEVICES: what ails them is not what keeps this program from working."""

from __future__ import annotations

from envdoctor.facts import CudaDriver, Environment, Nvml, NvmlGpu, pci_place


def left_out(nvml: Nvml | None, cuda_driver: CudaDriver | None, environment: Environment | None) -> frozenset[int]:
    """NVML's indices. Empty where nothing is masked, or CUDA does not give all that the mask names: then nobody knows."""
    mask = environment.get("CUDA_VISIBLE_DEVICES") if environment is not None else None
    if nvml is None or cuda_driver is None or cuda_driver.init_code != 0 or mask is None:
        return frozenset()
    wanted = [entry for entry in mask.split(",") if entry.strip()]
    if not wanted or len(cuda_driver.devices) != len(wanted):
        return frozenset()
    return frozenset(gpu.index for gpu in not_in_cuda(nvml, cuda_driver) or ())


def not_in_cuda(nvml: Nvml, cuda_driver: CudaDriver) -> tuple[NvmlGpu, ...] | None:
    """NVML's GPUs that are none of CUDA's devices; None: CUDA does not tell where its devices are."""
    places = {pci_place(device.pci_bus_id) for device in cuda_driver.devices}
    if None in places:
        return None
    return tuple(gpu for gpu in nvml.gpus if pci_place(gpu.pci_bus_id) not in places)
