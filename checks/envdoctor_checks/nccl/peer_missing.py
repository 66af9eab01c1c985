"""nccl.peer-missing"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.running import SPINS, gone, its_gpus, label, named, waits_for_rank
from envdoctor.facts import Process, ProcessGpus, ProcessLibraries, ProcessNodes, ProcessStack


@check("nccl.peer-missing", explains=("compute.launch-stall", "code.data-loading"))
def peer_missing(
    process: Process,
    process_libraries: ProcessLibraries,
    process_nodes: ProcessNodes | None,
    process_gpus: ProcessGpus,
    process_stack: ProcessStack | None,
) -> Iterator[Finding]:
    """NCCL waits for another rank that does not come.

    What it means:
    Every rank has to call the same collectives in the same order. One that died, is slow, took another branch, or cannot be reached leaves
    the others waiting: their GPUs spin in NCCL's kernel (100 % busy by nvidia-smi, at little power) or their Python stands in a collective.

    How to confirm it by hand:
    `nvidia-smi` shows 100 % at a fraction of the power limit; `py-spy dump --nonblocking --pid PID` of every rank shows which one stands
    somewhere else. That one is at fault.

    Ways out:
    Look at the rank that does not wait: its log, `envdoctor check --pid`. Set TORCH_NCCL_TRACE_BUFFER_SIZE=2000 to have the last collectives
    written down on a timeout, and NCCL_DEBUG=INFO to see what could not be reached.

    Often mistaken for:
    A GPU that is fully used.
    """
    if gone(process):
        return
    gpus = its_gpus(process_libraries, process_nodes, process_gpus)
    sign = waits_for_rank(process, process_libraries, gpus, process_stack)
    if sign is None:
        return
    yield Finding(
        title=f"{label(process)[:40]} waits in NCCL, {named(gpus)[:20]}: {sign}",
        severity="warning",
        detail="While it was watched its GPU did no work that moves data: it waits for another rank, or runs kernels that are as small.",
        evidence=(
            *(gpu.says("utilization_percent") for gpu in gpus[:4]),
            *(gpu.says("power_watts", f"{gpu.power_watts} W of {gpu.power_limit_watts} W") for gpu in gpus[:4]),
            *((process_stack.says("threads", sign),) if process_stack is not None and "(" in sign else ()),
        ),
        fix=(
            Fix("Find the rank that stands elsewhere", "pgrep -f torch | xargs -n1 py-spy dump --nonblocking --pid"),
            Fix("Start it again with NCCL's own log on", "export NCCL_DEBUG=INFO"),
        ),
        confidence="possible" if sign == SPINS else "likely",
    )
