"""nccl.transport"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.remedy import unset_variable
from envdoctor.diagnose.said import confidence_of, pointing_at, quoted
from envdoctor.facts import Environment, Evidence, KernelModule, Messages, Nvml, PciBus, ProgramLog, Resources, System

SWITCHES = ("NCCL_P2P_DISABLE", "NCCL_SHM_DISABLE", "NCCL_IB_DISABLE", "NCCL_SOCKET_IFNAME", "NCCL_IB_HCA")
SLOWER = 0.5
"""Of the rate through the host: a direct way is never as slow."""
INTERFACE = ("nccl-no-socket-interface", "nccl-no-listening-interface", "nccl-no-common-subnet", "nccl-no-route")
"""Messages that are about the network interface."""


@check("nccl.transport", fields=("messages.messages|pci_bus.devices|program_log.peer_gbs",))
def transport(
    messages: Messages | None,
    environment: Environment | None,
    nvml: Nvml | None,
    pci_bus: PciBus | None,
    resources: Resources | None,
    kernel_module: KernelModule | None,
    system: System | None,
    program_log: ProgramLog | None,
) -> Iterator[Finding]:
    """NCCL cannot get data from one GPU or machine to another.

    What it means:
    NCCL moves data between GPUs directly (NVLink, PCIe peer to peer), through shared memory, or over the network. One of these ways
    failed: the interface it was told to use is absent, a firewall closes the ports, an IOMMU with ACS sends peer-to-peer traffic the
    wrong way round, or InfiniBand memory cannot be registered. A single GPU is not touched by any of it.

    How to confirm it by hand:
    Run again with NCCL_DEBUG=INFO and read the last NCCL WARN line of every rank. `NCCL_P2P_DISABLE=1` that helps points at
    peer-to-peer (IOMMU, ACS), `NCCL_IB_DISABLE=1` at InfiniBand, `NCCL_SOCKET_IFNAME=<interface>` at the choice of interface.
    `nvidia-smi topo -p2p r` shows which GPUs reach each other; `sudo lspci -vvv | grep -i acsctl` where ACS is on. That ACS or a
    translating IOMMU is in the way, or nvidia_peermem is not loaded beside InfiniBand, is a note as long as nothing fails.

    Ways out:
    Name an interface that every machine has and that reaches the others; open the ports between the machines; switch ACS off or set
    `iommu=pt`; raise the locked-memory limit for InfiniBand (`ulimit -l unlimited`).

    Often mistaken for:
    A rank that died of something else: the others then report a lost connection or a timeout, so look at the first error of all ranks.
    A /dev/shm that is too small (container.shm-too-small), or NCCL versions that differ between ranks (nccl.version-mismatch).
    """
    said = next(iter(pointing_at(messages, "nccl.transport")), None) if messages is not None else None
    hindrances = tuple(_hindrances(nvml, pci_bus, resources, kernel_module, system))
    if said is None or messages is None:
        yield from _slow_peers(program_log)
        yield from hindrances
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
    else:
        fixes += [fix for hindrance in hindrances[:1] for fix in hindrance.fix[:1]]
    yield Finding(
        title=f"NCCL could not reach a peer: {quoted(said, 70)}",
        detail="Work on one GPU is not affected; whatever uses several GPUs or machines is.",
        evidence=(
            messages.says("messages", said.text),
            *(environment.says("variables", f"{n}={v}") for n, v in set_here.items() if environment is not None),
            *(evidence for hindrance in hindrances for evidence in hindrance.evidence[:1]),
        ),
        fix=tuple(fixes),
        confidence=confidence_of(said),
    )


def _hindrances(
    nvml: Nvml | None,
    pci_bus: PciBus | None,
    resources: Resources | None,
    module: KernelModule | None,
    system: System | None,
) -> Iterator[Finding]:
    """What is known to be in NCCL's way, as notes: only a run shows what it costs."""
    devices = [d for d in (pci_bus.nvidia_gpus if pci_bus is not None else ()) if not d.is_virtual_function]
    adapters = (resources.rdma_devices or ()) if resources is not None else ()
    peers = any(pair.p2p_read == 0 for pair in (nvml.pairs or () if nvml is not None else ()))
    if len(devices) < 2 or system is None or system.hypervisor != "none" or not (peers or adapters):
        return
    redirected = [d for d in devices if d.acs_redirects]
    translated = [d for d in devices if (d.iommu or "").startswith("DMA")]
    if redirected:
        bridges = sorted({bridge for device in redirected for bridge in device.acs_redirects or ()})
        yield _note(
            f"ACS sends peer-to-peer traffic of {_some(len(redirected), 'GPU')} up to the root ({_some(len(bridges), 'bridge')})",
            redirected[0].says(
                "acs_redirects", f"{redirected[0].address}: {', '.join(redirected[0].acs_redirects or ())}"
            ),
            Fix(
                "Switch ACS off in the firmware; until the next restart, on each bridge",
                f"sudo setpci -s {bridges[0]} ECAP_ACS+0x6.w=0000",
            ),
        )
    elif translated:
        yield _note(
            f"The IOMMU translates the traffic of {len(translated)} GPUs ({translated[0].iommu})",
            translated[0].says("iommu", f"{translated[0].address}: {translated[0].iommu}"),
            Fix("Add iommu=pt to the kernel's command line, and restart the machine", "cat /proc/cmdline"),
        )
    if adapters and module is not None and module.peermem_loaded is False and module.flavour == "proprietary":
        yield _note(
            f"{_some(len(adapters), 'RDMA adapter')} ({', '.join(adapters[:2])}{' …' * (len(adapters) > 2)}), and nvidia_peermem is not loaded",
            module.says("peermem_loaded"),
            Fix("Load it, so that adapters reach the GPUs' memory by themselves", "sudo modprobe nvidia_peermem"),
        )


def _slow_peers(log: ProgramLog | None) -> Iterator[Finding]:
    """Peer-to-peer copies that are slower than the way through the host: something between the GPUs sends them astray."""
    if log is None or log.peer_gbs is None or log.staged_gbs is None or log.peer_gbs > SLOWER * log.staged_gbs:
        return
    yield Finding(
        title=f"Copies from GPU to GPU reach {log.peer_gbs:g} GB/s, and {log.staged_gbs:g} GB/s without peer-to-peer",
        detail="An IOMMU or ACS sends peer-to-peer traffic the wrong way round.",
        evidence=(log.says("peer_gbs", f"{log.peer_gbs:g} GB/s"), log.says("staged_gbs", f"{log.staged_gbs:g} GB/s")),
        fix=(
            Fix("Switch the IOMMU off or set iommu=pt on the kernel's command line, and restart", "cat /proc/cmdline"),
            Fix("Until then, let NCCL go through the host", "export NCCL_P2P_DISABLE=1"),
        ),
        confidence="likely",
    )


def _some(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _note(title: str, evidence: Evidence, fix: Fix) -> Finding:
    return Finding(
        title=title,
        severity="info",
        detail="It can slow down or stop NCCL between GPUs and machines; one GPU alone is not touched by it.",
        evidence=(evidence,),
        fix=(fix,),
        confidence="possible",
    )
