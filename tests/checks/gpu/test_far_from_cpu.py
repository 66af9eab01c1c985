from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import NumaNode, Nvml, NvmlGpu, PciBus, PciDevice, Resources
from envdoctor_checks.gpu.far_from_cpu import far_from_cpu
from healthy import BUS

NODES = (
    NumaNode(node=0, cpus="0-31", distances=(10, 32)),
    NumaNode(node=1, cpus="32-63", distances=(32, 10)),
)
NEAR = (
    NumaNode(node=0, cpus="0-31", distances=(10, 12)),
    NumaNode(node=1, cpus="32-63", distances=(12, 10)),
)


def cards(*nodes: int) -> PciBus:
    return PciBus(
        devices=tuple(
            PciDevice(address=f"0000:{i + 1:02x}:00.0", vendor="10de", device="2330", device_class="0302", numa_node=n)
            for i, n in enumerate(nodes)
        )
    )


def host(affinity: str, numa: tuple[NumaNode, ...] = NODES) -> Resources:
    return Resources(affinity=affinity, numa=numa)


TWO = Nvml(gpus=tuple(NvmlGpu(index=i, pci_bus_id=f"00000000:0{i + 1}:00.0") for i in range(2)))


def test_fires_where_every_gpu_is_on_the_other_socket() -> None:
    [finding] = judge(far_from_cpu, host("0-15"), cards(1), TWO).findings
    assert finding.title == "GPU 0 hangs on NUMA node 1 (CPUs 32-63); this process may use 0-15"
    assert (finding.severity, finding.gpu) == ("warning", 0)
    assert finding.fix[0].command == "numactl --cpunodebind=1 --membind=1 python …"


def test_some_of_several_are_a_note() -> None:
    [finding] = judge(far_from_cpu, host("0-31"), cards(0, 1), TWO).findings
    assert (finding.severity, finding.gpu) == ("info", 1)


def test_silent_on_all_processors_a_near_node_one_node_and_where_nothing_is_known() -> None:
    assert judge(far_from_cpu, host("0-63"), cards(0, 1), TWO).findings == ()
    assert judge(far_from_cpu, host("30-40"), cards(1), TWO).findings == ()
    assert judge(far_from_cpu, host("0-15", NEAR), cards(1), TWO).findings == ()
    assert judge(far_from_cpu, host("0-15"), cards(-1), TWO).findings == ()
    assert judge(far_from_cpu, host("0-15"), cards(7), TWO).findings == ()
    assert judge(far_from_cpu, host("0-3", (NumaNode(node=0, cpus="0-7", distances=(10,)),)), BUS).findings == ()
    assert judge(far_from_cpu, host("garbage"), cards(1)).findings == ()


def test_silent_where_the_gpus_node_is_memory_only() -> None:
    nodes = (*NODES, NumaNode(node=2, cpus="", distances=(80, 80, 10)))
    assert judge(far_from_cpu, host("0-15", nodes), cards(2), TWO).findings == ()
