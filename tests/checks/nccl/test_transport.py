from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import (
    Environment,
    GpuPair,
    KernelModule,
    Message,
    Messages,
    Nvml,
    PciBus,
    PciDevice,
    ProgramLog,
    Resources,
    System,
)
from envdoctor_checks.nccl.transport import transport

INTERFACE = Message(key="nccl-no-socket-interface", text="NCCL WARN Bootstrap : no socket interface found")


def test_fires_on_an_interface_that_is_not_there() -> None:
    environment = Environment(variables={"NCCL_SOCKET_IFNAME": "eth7"})
    [finding] = judge(transport, Messages(messages=(INTERFACE,)), environment).findings
    assert finding.title == "NCCL could not reach a peer: NCCL WARN Bootstrap : no socket interface found"
    assert finding.confidence == "certain"
    assert "NCCL_SOCKET_IFNAME=eth7" in {one.value for one in finding.evidence}
    assert finding.fix[1].command == "unset NCCL_SOCKET_IFNAME"


def test_an_unclear_error_is_only_possible() -> None:
    said = Message(key="nccl-system-error", text="unhandled system error (run with NCCL_DEBUG=INFO for details)")
    [finding] = judge(transport, Messages(messages=(said,))).findings
    assert finding.title.startswith("NCCL could not reach a peer: unhandled system error")
    assert finding.confidence == "possible"
    assert finding.fix[0].command == "export NCCL_DEBUG=INFO"


def test_the_surest_message_is_quoted() -> None:
    said = Message(key="nccl-system-error", text="unhandled system error (run with NCCL_DEBUG=INFO for details)")
    [finding] = judge(transport, Messages(messages=(said, INTERFACE))).findings
    assert finding.title.endswith("no socket interface found")


def test_silent_on_switches_alone() -> None:
    environment = Environment(variables={"NCCL_P2P_DISABLE": "1", "NCCL_SOCKET_IFNAME": "eth0"})
    assert judge(transport, Messages(), environment, Nvml(device_count=8)).findings == ()


def test_silent_on_other_messages() -> None:
    other = Message(key="nccl-mismatched-versions", text="Mismatched NCCL version detected")
    assert judge(transport, Messages(messages=(other,))).findings == ()


def card(i: int, **fields: object) -> PciDevice:
    plain = PciDevice(address=f"0000:0{i}:00.0", vendor="10de", device="2330", device_class="0302")
    return msgspec.structs.replace(plain, **fields)


BARE_METAL = System(hypervisor="none")
PEERS = Nvml(pairs=(GpuPair(first=0, second=1, p2p_read=0),))
REDIRECTED = PciBus(devices=(card(1, acs_redirects=("0000:00:01.0",)), card(2, acs_redirects=())))
TRANSLATED = PciBus(devices=(card(1, iommu="DMA-FQ"), card(2, iommu="DMA-FQ")))


def test_what_is_in_its_way_is_a_note_as_long_as_nothing_fails() -> None:
    [acs] = judge(transport, PEERS, REDIRECTED, BARE_METAL).findings
    assert acs.title == "ACS sends peer-to-peer traffic of 1 GPU up to the root (1 bridge)"
    assert acs.severity == "info"
    [iommu] = judge(transport, PEERS, TRANSLATED, BARE_METAL).findings
    assert (iommu.title, iommu.severity) == ("The IOMMU translates the traffic of 2 GPUs (DMA-FQ)", "info")
    module = KernelModule(loaded=True, flavour="proprietary", peermem_loaded=False)
    adapters = Resources(rdma_devices=("mlx5_0", "mlx5_1"))
    bus = PciBus(devices=(card(1), card(2)))
    [peermem] = judge(transport, bus, BARE_METAL, module, adapters).findings
    assert peermem.title.startswith("2 RDMA adapters (mlx5_0, mlx5_1)")


def test_a_failure_carries_it_as_evidence() -> None:
    said = Message(key="nccl-system-error", text="unhandled system error (run with NCCL_DEBUG=INFO for details)")
    [finding] = judge(transport, Messages(messages=(said,)), PEERS, REDIRECTED, BARE_METAL).findings
    assert "0000:01:00.0: 0000:00:01.0" in {one.value for one in finding.evidence}
    assert len(finding.fix) == 2


def test_silent_on_one_gpu_in_a_vm_and_on_cards_that_have_no_peers() -> None:
    assert judge(transport, PEERS, PciBus(devices=REDIRECTED.devices[:1]), BARE_METAL).findings == ()
    assert judge(transport, PEERS, REDIRECTED, System(hypervisor="kvm")).findings == ()
    consumer = Nvml(pairs=(GpuPair(first=0, second=1, p2p_read=5),))
    assert judge(transport, consumer, REDIRECTED, BARE_METAL).findings == ()
    open_module = KernelModule(loaded=True, flavour="open", peermem_loaded=False)
    bus = PciBus(devices=(card(1, iommu="identity"), card(2, iommu="")))
    assert judge(transport, bus, BARE_METAL, open_module, Resources(rdma_devices=("mlx5_0",))).findings == ()


def test_skipped_where_no_messages_were_read() -> None:
    assert judge(transport, Environment()).result.status == "skipped"


def test_fires_on_direct_copies_that_are_slower_than_those_through_the_host() -> None:
    [finding] = judge(transport, ProgramLog(peer_gbs=1.1, staged_gbs=12.9)).findings
    assert finding.title == "Copies from GPU to GPU reach 1.1 GB/s, and 12.9 GB/s without peer-to-peer"
    assert judge(transport, ProgramLog(peer_gbs=25.0, staged_gbs=12.9)).findings == ()
    assert judge(transport, ProgramLog(peer_gbs=1.1)).findings == ()
