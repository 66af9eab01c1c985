"""driver.hung"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.driver_remedy import reboot
from envdoctor.diagnose.predicates import torch_works
from envdoctor.diagnose.running import label, stuck_in_driver
from envdoctor.facts import Container, ProbeDeaths, Process, Processes, ProcessThread, TorchRuntime

CALLS = {"nvml": "nvmlInit", "cuda_driver": "cuInit", "device_nodes": "opening the device nodes"}


@check("driver.hung", explains=("cuda.init-failed", "torch.import-fails", "driver.gpu-lost", "compute.hung"))
def hung(
    probe_deaths: ProbeDeaths,
    processes: Processes | None,
    torch_runtime: TorchRuntime | None,
    process: Process | None,
    container: Container | None,
) -> Iterator[Finding]:
    """The driver never answers: NVML, cuInit or a device node hangs.

    What it means:
    A call into the driver did not come back within the deadline. The driver, or a GPU's firmware, is stuck; every CUDA program on this
    machine will hang at its start.

    How to confirm it by hand:
    `timeout 20 nvidia-smi; echo $?` prints 124; `ps -eo pid,stat,wchan:30,comm | grep ' D'` shows processes stuck in the driver;
    `sudo dmesg | tail` often shows an Xid 119 or 120 (GSP) or a hung task.

    Ways out:
    Restart the machine: a process stuck in the kernel cannot be killed. If it comes back, look for the Xid in the log.

    Often mistaken for:
    A slow start: initialising many GPUs without persistence mode can take tens of seconds (`--timeout` gives the probes more time).
    """
    computes = torch_works(torch_runtime)
    calls = ("nvml",) if computes else CALLS
    dead = [death for death in probe_deaths.deaths if death.kind == "timeout" and death.stage and death.probe in calls]
    stage = torch_runtime.stage("cuda-init") if torch_runtime is not None else None
    stuck = processes.stuck if processes is not None else ()
    in_torch = stage is not None and stage.status == "hung"
    waiting_threads = stuck_in_driver(process) if process is not None else ()
    if not dead and not in_torch:
        if process is not None and waiting_threads:
            yield _running(process, waiting_threads)
        return
    if dead:
        what = dead[0].detail
    else:
        what = stage.error if stage is not None and stage.error else "torch.cuda.is_available() never returned"
    waiting = f"; {len(stuck)} process{'es are' if len(stuck) > 1 else ' is'} stuck in the driver" if stuck else ""
    yield Finding(
        title=f"{what}{waiting}",
        detail="NVML serves nvidia-smi, monitors and NCCL; CUDA works without it."
        if computes
        else "A call into the driver did not come back: the driver, or a GPU's firmware, is stuck.",
        severity="warning" if computes else "error",
        evidence=(
            *(probe_deaths.says("deaths", f"{death.probe}: {death.detail}") for death in dead),
            *((stage.says("error"),) if stage is not None and in_torch else ()),
            *(
                process.says("wait_channel", f"{process.pid} {process.name}: {process.wait_channel}")
                for process in stuck[:3]
            ),
        ),
        fix=(
            reboot("to bring the driver back", container),
            Fix("Then look for what stopped it", "sudo dmesg | grep -E 'NVRM|Xid|hung task'"),
        ),
    )


def _running(process: Process, threads: tuple[ProcessThread, ...]) -> Finding:
    """A process that waits inside the driver, though the driver answers us."""
    first, count = threads[0], len(threads)
    which = f"thread {first.tid} ({first.name})" if count == 1 else f"{count} threads"
    return Finding(
        title=f"{label(process)[:40]}: {which} waits in {first.wait_channel}",
        detail=f"Each time in {process.watched_seconds or 0:.0f} s that one looked, and uninterruptibly: it cannot be killed while it waits.",
        evidence=tuple(
            process.says("threads", f"{thread.tid} {thread.name}: {thread.state}, {thread.wait_channel}")
            for thread in threads[:4]
        ),
        fix=(
            Fix("Look for what stopped it", "sudo dmesg | grep -E 'NVRM|Xid|hung task'"),
            reboot("if it does not come back: what waits in the kernel cannot be killed"),
        ),
        confidence="likely",
    )
