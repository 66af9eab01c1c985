"""compute.launch-stall"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.measured import on_gpu as devices_on_gpu
from envdoctor.diagnose.measured import place
from envdoctor.diagnose.running import (
    STARTING,
    busy,
    gone,
    its_gpus,
    label,
    loads_data,
    named,
    pegged,
    waits_for_rank,
)
from envdoctor.facts import (
    DeviceWork,
    Evidence,
    Process,
    ProcessGpu,
    ProcessGpus,
    ProcessLibraries,
    ProcessNodes,
    ProcessStack,
    ProcessThread,
    Work,
)

SLOW_LAUNCH_US = 30.0
"""Issuing a small kernel through torch takes 4-10 µs on healthy hosts (SuperBench on A100: 5.5 by events, 9.5 by the wall; HTA: 5-20)."""
BUSY_HOST_US = 20.0
HOST_BOUND = 0.95
"""Of a step's time spent issuing it: the device has caught up, and waits for the host."""
OWN_PROCESSOR = 0.7
"""The share of processor time that a launching thread gets on a host that leaves it alone."""


STARVED = 50.0
"""% of the time that a GPU is at work where its host cannot keep up."""


@check("compute.launch-stall", fields=("work.devices|process_gpus.gpus",), explains=("compute.step-jitter",))
def launch_stall(
    work: Work | None,
    process: Process | None,
    process_libraries: ProcessLibraries | None,
    process_nodes: ProcessNodes | None,
    process_gpus: ProcessGpus | None,
    process_stack: ProcessStack | None,
) -> Iterator[Finding]:
    """The host cannot feed the GPU: launching takes longer than the work that is launched.

    What it means:
    A GPU runs what the processor hands to it. Where issuing a kernel takes tens of microseconds, or a training step takes as long to issue as
    to run, the GPU waits. A slow or contended processor, a CPU quota, a debugging variable or a profiler that is loaded does that.

    How to confirm it by hand:
    `nvidia-smi dmon` shows low SM use in a job that computes all the time; `top -H` shows one thread at 100 %.

    Ways out:
    Give the job processors of its own; take CUDA_LAUNCH_BLOCKING and profilers away; record small steps in CUDA graphs or torch.compile them.

    Often mistaken for:
    A slow GPU: its kernels are as fast as ever.
    """
    if process is not None and process_libraries is not None:
        gpus = its_gpus(process_libraries, process_nodes, process_gpus)
        if not loads_data(process, process_gpus, process_stack):
            yield from _running(process, process_libraries, gpus, process_stack)
    for device in devices_on_gpu(work) if work is not None else ():
        issue = device.rate("launch-small-issue")
        slow = issue is not None and issue.value > SLOW_LAUNCH_US
        step = device.step
        bound = step is not None and step.issue >= HOST_BOUND * step.p50
        if not slow and not (bound and issue is not None and issue.value > BUSY_HOST_US):
            continue
        yield Finding(
            title=_title(device, slow),
            severity="warning",
            detail=_why(device),
            evidence=tuple(
                rate.says("value", f"{rate.name}: {rate.value:.1f} us")
                for rate in device.rates
                if rate.name.startswith("launch-")
            ),
            fix=(
                Fix("See what else runs on the processors", "top -H"),
                Fix("Record small steps once: torch.compile(mode='reduce-overhead') or torch.cuda.graph"),
            ),
            gpu=device.gpu,
            confidence="likely",
        )


def _title(device: DeviceWork, slow: bool) -> str:
    issue, step = device.rate("launch-small-issue"), device.step
    if slow and issue is not None:
        return f"{place(device)}: issuing a kernel takes {issue.value:.0f} us of host time; 4 to 10 are usual"
    assert step is not None
    return f"{place(device)}: a step of {step.p50 * 1e3:.0f} ms takes {step.issue * 1e3:.0f} ms to issue: the GPU waits"


def _why(device: DeviceWork) -> str:
    issue = device.rate("launch-small-issue")
    if device.throttled_periods:
        return f"The cgroup's CPU quota stopped this process in {device.throttled_periods} periods meanwhile."
    if issue is not None and issue.on_processor is not None and issue.on_processor < OWN_PROCESSOR:
        return (
            f"The launching thread had its processor for {issue.on_processor:.0%} of the time"
            f"{f' and lost it {issue.preempted} times' if issue.preempted else ''}: others compete for it."
        )
    return (
        "The launching thread had its processor to itself: the processor, or what is hooked into each launch, is slow."
    )


def _running(
    process: Process, libraries: ProcessLibraries, gpus: tuple[ProcessGpu, ...], stack: ProcessStack | None
) -> Iterator[Finding]:
    """A running process in which one thread never rests and the GPU does."""
    thread, percent = pegged(process), busy(gpus)
    if thread is None or percent is None or percent >= STARVED or gone(process):
        return
    young = (process.age_seconds or 0.0) < STARTING
    if young or waits_for_rank(process, libraries, gpus, stack) is not None:
        return
    yield Finding(
        title=f"{named(gpus)[:20]}: {percent:.0f} % busy, while thread {thread.name} never rests ({thread.cpu or 0:.2f} processors)",
        severity="warning",
        detail=f"In {label(process)} one thread never rests and the GPU does: what it does between launches (loading data, say), or the "
        f"launching itself, takes longer than the work on the GPU.{_contended(thread)}",
        evidence=(
            *(gpu.says("utilization_percent") for gpu in gpus[:4]),
            process.says("threads", f"{thread.tid} {thread.name}: {thread.cpu} processors"),
            *_stands(stack),
        ),
        fix=_fixes(process, thread),
        confidence="likely" if percent >= 1 else "possible",
    )


def _stands(stack: ProcessStack | None) -> tuple[Evidence, ...]:
    main = stack.main if stack is not None else None
    return (stack.says("threads", main.frames[0]),) if stack is not None and main is not None and main.frames else ()


def _fixes(process: Process, thread: ProcessThread) -> tuple[Fix, ...]:
    which = "that thread" if thread.tid == process.pid else f"thread {thread.tid}"
    return (
        Fix(f"See what {which} does", f"py-spy dump --nonblocking --pid {process.pid}"),
        Fix("Record small steps once: torch.compile(mode='reduce-overhead') or torch.cuda.graph"),
    )


def _contended(thread: ProcessThread) -> str:
    """Where the thread did not get the processor that it wanted, that is the reason."""
    if thread.cpu is None or not thread.wanted or thread.cpu >= OWN_PROCESSOR * thread.wanted:
        return ""
    return f" It had its processor for {thread.cpu / thread.wanted:.0%} of the time: others compete for it."
