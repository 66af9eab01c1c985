"""gpu.far-from-cpu"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.cards import card, cpus
from envdoctor.diagnose.left_out import left_out
from envdoctor.facts import CudaDriver, Environment, Nvml, PciBus, PciDevice, Resources

ANOTHER_SOCKET = 20
"""Distances of the firmware's table (SLIT): 10 the node itself, 11 to 16 on the same socket, 20 and more over the link between sockets."""


@check("gpu.far-from-cpu", fields=("resources.affinity", "resources.numa", "pci_bus.devices"))
def far_from_cpu(
    resources: Resources,
    pci_bus: PciBus,
    nvml: Nvml | None,
    cuda_driver: CudaDriver | None,
    environment: Environment | None,
) -> Iterator[Finding]:
    """This process may only use processors of another socket than the one that the GPU hangs on.

    What it means:
    On a machine with several sockets each GPU hangs on one of them. A process that is confined to the other (taskset, numactl, Slurm, a
    Kubernetes CPU manager, a container's cpuset) reaches its GPU over the link between the sockets: copies and launches are slower, and
    so is NCCL. With several GPUs and one process for each, only those processes matter whose GPU is far.

    How to confirm it by hand:
    `nvidia-smi topo -m` shows the CPU affinity of every GPU; `taskset -cp $$` shows what this shell may use; `numactl -H` the nodes.

    Ways out:
    Start the process on the GPU's own node, or choose a GPU of the node that the process is on. For Slurm: `--gpu-bind=closest`
    or `--cpus-per-gpu`; for Kubernetes: the topology manager with the policy single-numa-node; for a container: `--cpuset-cpus`.

    Often mistaken for:
    A slow PCIe link (gpu.pcie-degraded) or too few processors (host.cpu-quota).
    """
    try:
        allowed = cpus(resources.affinity or "")
        order = [row.node for row in resources.numa or ()]
        nodes = {
            row.node: (cpus(row.cpus), dict(zip(order, row.distances, strict=False))) for row in resources.numa or ()
        }
    except ValueError:
        return
    gpus = _used(pci_bus, nvml, left_out(nvml, cuda_driver, environment))
    mine = frozenset(node for node, (own, _) in nodes.items() if own & allowed)
    far = [device for device in gpus if _is_far(device, mine, nodes)]
    if not mine or not far:
        return
    everything = len(far) == len(gpus)
    for device in far:
        gpu = nvml.gpu_at(device.address) if nvml is not None else None
        own = device.local_cpus or next(row.cpus for row in resources.numa or () if row.node == device.numa_node)
        yield Finding(
            title=f"{card(gpu, device.address)} hangs on NUMA node {device.numa_node} (CPUs {own}); this process may use {resources.affinity}",
            severity="warning" if everything else "info",
            detail="Copies and launches cross the link between the sockets.",
            evidence=(device.says("numa_node"), resources.says("affinity")),
            fix=(
                Fix(
                    "Start it on the GPU's node, for instance",
                    f"numactl --cpunodebind={device.numa_node} --membind={device.numa_node} python …",
                ),
                Fix("See which processors are near which GPU", "nvidia-smi topo -m"),
            ),
            gpu=gpu.index if gpu is not None else None,
        )


def _used(pci_bus: PciBus, nvml: Nvml | None, unused: frozenset[int]) -> list[PciDevice]:
    """The GPUs that this process can use: a container shows the bus of the whole host, and was given some."""
    if nvml is None or not nvml.gpus:
        return list(pci_bus.nvidia_gpus)
    known = ((device, nvml.gpu_at(device.address)) for device in pci_bus.nvidia_gpus)
    return [device for device, gpu in known if gpu is not None and gpu.index not in unused]


def _is_far(device: PciDevice, mine: frozenset[int], nodes: dict[int, tuple[frozenset[int], dict[int, int]]]) -> bool:
    """Whether the device's node has processors, and every node that this process may use is on another socket."""
    own = nodes.get(device.numa_node if device.numa_node is not None else -1)
    if own is None or not own[0]:
        return False
    return all(own[1].get(node, 0) >= ANOTHER_SOCKET for node in mine)
