"""nccl.transport"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.remedy import unset_variable
from envdoctor.diagnose.said import confidence_of, pointing_at, quoted
from envdoctor.facts import Environment, Messages

SWITCHES = ("NCCL_P2P_DISABLE", "NCCL_SHM_DISABLE", "NCCL_IB_DISABLE", "NCCL_SOCKET_IFNAME", "NCCL_IB_HCA")
INTERFACE = ("nccl-no-socket-interface", "nccl-no-listening-interface", "nccl-no-common-subnet", "nccl-no-route")
"""Messages that are about the network interface."""


@check("nccl.transport")
def transport(messages: Messages, environment: Environment | None) -> Iterator[Finding]:
    """NCCL cannot get data from one GPU or machine to another.

    What it means:
    NCCL moves data between GPUs directly (NVLink, PCIe peer to peer), through shared memory, or over the network. One of these ways
    failed: the interface it was told to use is absent, a firewall closes the ports, an IOMMU with ACS sends peer-to-peer traffic the
    wrong way round, or InfiniBand memory cannot be registered. A single GPU is not touched by any of it.

    How to confirm it by hand:
    Run again with NCCL_DEBUG=INFO and read the last NCCL WARN line of every rank. `NCCL_P2P_DISABLE=1` that helps points at
    peer-to-peer (IOMMU, ACS), `NCCL_IB_DISABLE=1` at InfiniBand, `NCCL_SOCKET_IFNAME=<interface>` at the choice of interface.

    Ways out:
    Name an interface that every machine has and that reaches the others; open the ports between the machines; switch ACS off or set
    `iommu=pt`; raise the locked-memory limit for InfiniBand (`ulimit -l unlimited`).

    Often mistaken for:
    A rank that died of something else: the others then report a lost connection or a timeout, so look at the first error of all ranks.
    A /dev/shm that is too small (container.shm-too-small), or NCCL versions that differ between ranks (nccl.version-mismatch).
    """
    said = next(iter(pointing_at(messages, "nccl.transport")), None)
    if said is None:
        return
    switches = {name: environment.get(name) for name in SWITCHES} if environment is not None else {}
    set_here = {name: value for name, value in switches.items() if value}
    fixes = [
        Fix("Run it again with NCCL's own log on, and read the first NCCL WARN of every rank", "export NCCL_DEBUG=INFO")
    ]
    if said.key in INTERFACE:
        name = "NCCL_SOCKET_IFNAME"
        fixes.append(
            unset_variable(name)
            if name in set_here
            else Fix("Name an interface that reaches the other machines; list them", "ip -brief address")
        )
    yield Finding(
        title=f"NCCL could not reach a peer: {quoted(said, 70)}",
        detail="Work on one GPU is not affected; whatever uses several GPUs or machines is.",
        evidence=(
            messages.says("messages", said.text),
            *(environment.says("variables", f"{n}={v}") for n, v in set_here.items() if environment is not None),
        ),
        fix=tuple(fixes),
        confidence=confidence_of(said),
    )
