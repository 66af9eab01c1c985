"""host.cpu-quota"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import gpu_seen, in_container
from envdoctor.facts import Container, CudaDriver, Environment, Evidence, Nvml, PciBus, Process, Resources, Work

THROTTLED_SHARE = 0.25
"""Of the scheduler's periods. A healthy service is throttled now and then; a quarter of all periods is felt in every step."""
FEWEST = 1.0
"""One processor keeps one GPU's launches going; below it the host cannot feed it."""
THREADS_PER_CPU = 4


@check("host.cpu-quota", explains=("compute.launch-stall", "compute.step-jitter", "code.data-loading"))
def cpu_quota(
    resources: Resources,
    environment: Environment | None,
    container: Container | None,
    pci_bus: PciBus | None,
    nvml: Nvml | None,
    cuda_driver: CudaDriver | None,
    work: Work | None,
    process: Process | None,
) -> Iterator[Finding]:
    """A CPU quota, an affinity or a thread setting starves the host side of the GPU.

    What it means:
    The processor launches kernels and prepares data. A cgroup quota stops it for the rest of each period once it is used up; an affinity to
    one core makes all its threads share it; OMP_NUM_THREADS far above the cores makes them fight.

    How to confirm it by hand:
    `cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu.stat` (nr_throttled against nr_periods); `taskset -p $$`; `echo $OMP_NUM_THREADS`.

    Ways out:
    Give the container or job more processors; start the program without taskset; set OMP_NUM_THREADS to the processors that it has.

    Often mistaken for:
    A slow GPU: its utilisation is low because it waits.
    """
    if gpu_seen(pci_bus, nvml, cuda_driver) is False:
        return
    quota, allowed = resources.cpu_quota, resources.affinity_cpus
    share = _throttled(process if process is not None else resources)
    if isinstance(quota, float | int) and (quota < FEWEST or (share is not None and share > THROTTLED_SHARE)):
        felt = f"; {share:.0%} of its periods were throttled" if share is not None and share > 0 else ""
        yield Finding(
            title=f"The cgroup allows {quota:g}{f' of {resources.logical_cpus}' if resources.logical_cpus else ''} processors{felt}",
            severity="warning",
            evidence=(
                resources.says("cpu_quota", f"{quota:g} processors"),
                (process or resources).says("throttled_periods", _periods(process or resources)),
                *_felt(work),
            ),
            fix=(_more(in_container(container)),),
        )
    elif quota is None and share is not None and share > THROTTLED_SHARE:
        yield Finding(
            title=f"{(process or resources).throttled_periods} of {(process or resources).periods} scheduling periods were throttled by a CPU quota",
            severity="warning",
            evidence=((process or resources).says("throttled_periods"), (process or resources).says("periods")),
            fix=(_more(in_container(container)),),
        )
    if allowed == 1 and resources.logical_cpus != 1:
        of = f" of {resources.logical_cpus} processors" if resources.logical_cpus else " processor"
        yield Finding(
            title=f"This process may run on 1{of} (affinity)",
            severity="warning",
            evidence=(resources.says("affinity_cpus"), *_felt(work)),
            fix=(
                Fix(
                    "Start the program without taskset, or with more processors",
                    "taskset -pc 0-$(($(nproc --all) - 1)) $$",
                ),
            ),
        )
    threads = environment.get("OMP_NUM_THREADS") if environment is not None else None
    cpus = allowed or resources.logical_cpus
    if environment is not None and threads and threads.isdigit() and cpus and int(threads) > THREADS_PER_CPU * cpus:
        yield Finding(
            title=f"OMP_NUM_THREADS={threads}; this process may run on {cpus} processors",
            severity="warning",
            evidence=(environment.says("variables", f"OMP_NUM_THREADS={threads}"), resources.says("affinity_cpus")),
            fix=(Fix("Set it to the processors that there are", f"export OMP_NUM_THREADS={cpus}"),),
        )


def _throttled(seen: Resources | Process) -> float | None:
    """Of the periods since the cgroup was made; of a process, of those while it was watched."""
    periods, throttled = seen.periods, seen.throttled_periods
    return throttled / periods if periods and throttled is not None else None


def _periods(resources: Resources | Process) -> str | None:
    if resources.throttled_periods is None or resources.periods is None:
        return None
    return f"{resources.throttled_periods} of {resources.periods} periods throttled"


def _felt(work: Work | None) -> tuple[Evidence, ...]:
    """What it did to the training step: a processor that is shared or taken away, or one that is there all the time."""
    steps = [device.step for device in (work.devices if work is not None else ()) if device.step is not None]
    return tuple(
        step.says("on_processor", f"{step.p50 * 1e3:.0f} ms, issued with {step.on_processor:.0%} of a processor")
        for step in steps[:1]
        if step.on_processor is not None
    )


def _more(inside: bool) -> Fix:
    if inside:
        return Fix(
            "Start the container with more processors (in Kubernetes: a higher limits.cpu)",
            "docker run --cpus=8 --gpus all IMAGE",
        )
    return Fix("Raise the quota of the unit or job that this runs in", "systemctl set-property UNIT CPUQuota=800%")
