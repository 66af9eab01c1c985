"""code.data-loading"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.running import (
    IDLE_CPU,
    IDLE_GPU,
    LOADER_FRAME,
    PEGGED,
    STARTING,
    busy,
    frame_of,
    gone,
    its_gpus,
    label,
    loaders,
    loads_data,
    named,
    wants,
    work_of,
)
from envdoctor.diagnose.said import confidence_of, pointing_at, quoted
from envdoctor.facts import (
    Messages,
    Process,
    ProcessGpu,
    ProcessGpus,
    ProcessLibraries,
    ProcessNodes,
    ProcessRelative,
    ProcessStack,
    ProgramLog,
)

WAITS = 0.5
"""Of a step's time: below it the GPU is busy most of the time."""


@check(
    "code.data-loading",
    fields=("messages.messages|process_gpus.gpus|program_log.data_seconds",),
    explains=("compute.launch-stall",),
)
def data_loading(
    messages: Messages | None,
    process: Process | None,
    process_libraries: ProcessLibraries | None,
    process_nodes: ProcessNodes | None,
    process_gpus: ProcessGpus | None,
    process_stack: ProcessStack | None,
    program_log: ProgramLog | None,
) -> Iterator[Finding]:
    """The input pipeline cannot keep up, and the GPU waits for data.

    What it means:
    Reading, decoding and augmenting on the processor take longer than a step on the GPU. Too few loader processes do that, and so do more
    of them than there are processors, slow storage, and copies from pageable memory.

    How to confirm it by hand:
    `nvidia-smi dmon` shows SM use coming and going; the loop is as slow with an empty model. `top` shows the loaders of a running
    process at work, and `py-spy dump --nonblocking --pid PID` its main thread in torch/utils/data.

    Ways out:
    As many `num_workers` as processors, `pin_memory=True`, `persistent_workers=True`; data on local disk; decoding on the GPU.

    Often mistaken for:
    A slow GPU.
    """
    if process is not None and not gone(process) and (process.age_seconds or 0.0) >= STARTING:
        gpus = its_gpus(process_libraries, process_nodes, process_gpus)
        percent = busy(gpus)
        if percent is not None and percent < IDLE_GPU and loads_data(process, process_gpus, process_stack):
            yield _running(process, loaders(process, process_gpus), gpus, percent, process_stack)
    if program_log is not None and (waits := _waits(program_log)):
        yield waits
        return
    said = next(iter(pointing_at(messages, "code.data-loading")), None) if messages is not None else None
    if said is None and messages is not None and messages.has("user-gpu-idle") is not None:
        said = messages.has("lightning-few-workers")  # which by itself stands in nearly every log of Lightning's
    if said is None or messages is None:
        return
    yield Finding(
        title=quoted(said, 100),
        severity="warning",
        evidence=(messages.says("messages", said.text),),
        fix=(Fix("Set num_workers to the processors that there are", "nproc"),),
        confidence=confidence_of(said),
    )


def _waits(log: ProgramLog) -> Finding | None:
    """Of a training loop that prints how long its steps wait for data."""
    step, data = log.step_seconds, log.data_seconds
    if not step or data is None or data / step < WAITS:
        return None
    return Finding(
        title=f"A training step takes {step:.3g} s, and waits {data:.3g} s of it for data ({data / step:.0%})",
        severity="warning",
        detail="The GPU waits for the next batch.",
        evidence=(log.says("data_seconds", f"{data:.3g} s of {step:.3g} s"),),
        fix=(
            Fix("Set num_workers to the processors that there are, and make each item cheaper to load", "nproc"),
            Fix("Keep the data on a local disk, packed in few large files"),
        ),
        confidence="likely",
    )


def _running(
    process: Process,
    helpers: tuple[ProcessRelative, ...],
    gpus: tuple[ProcessGpu, ...],
    percent: float,
    stack: ProcessStack | None,
) -> Finding:
    frame = frame_of(stack, LOADER_FRAME)
    count = len(helpers)
    processes = f"{count} loader process{'es' * (count > 1)}"
    if helpers and sum(map(wants, helpers)) >= PEGGED:
        who = f"{processes} use{'s' * (count == 1)} {work_of(helpers):.1f} processors"
    elif helpers:
        who = f"{label(process)[:30]} waits for {processes}"
    else:
        who = f"{label(process)[:30]} loads data by itself"
    return Finding(
        title=f"{named(gpus)[:20]}: {percent:.0f} % busy, while {who}",
        severity="warning",
        detail="The GPU waits for the next batch.",
        evidence=(
            *(gpu.says("utilization_percent") for gpu in gpus[:4]),
            *(process.says("children", f"{child.pid} {child.name}: {child.cpu} processors") for child in helpers[:4]),
            *((stack.says("threads", f"the main thread is in {frame}"),) if stack is not None and frame else ()),
        ),
        fix=(
            Fix("Set num_workers to the processors that there are, and make each item cheaper to load", "nproc"),
            Fix(
                "See where the loaders spend their time",
                f"py-spy dump --nonblocking --pid {(helpers or (process,))[0].pid}",
            ),
        ),
        confidence="likely" if frame or work_of(helpers) >= IDLE_CPU else "possible",
    )
