"""A running process, as lines: what it is, what it does, what it holds; one line of it for ``--watch``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Group
from rich.text import Text

from envdoctor.diagnose.running import GIB, STATES, duration, its_gpus, on_gpu, work_of
from envdoctor.facts import (
    Process,
    ProcessGpu,
    ProcessGpus,
    ProcessLibraries,
    ProcessNodes,
    ProcessStack,
    Snapshot,
)
from envdoctor.report.model import Report
from envdoctor.report.text import one_line, safe


def lines(snapshot: Snapshot) -> Iterator[str]:
    """The process on a few lines; nothing where none was examined."""
    process = snapshot.get(Process)
    if process is None:
        return
    yield f"{process.pid} {one_line(process.command or process.name or '', 200)}"
    yield f"{', '.join(_who(process))}"
    yield f"processor: {', '.join(_processor(process))}"
    yield from _threads(process)
    yield from _gpu(snapshot, process)
    yield from _mapped(snapshot.get(ProcessLibraries))
    yield from _family(process)
    yield from _python(snapshot.get(ProcessStack))


def _who(process: Process) -> Iterator[str]:
    if process.user is not None:
        yield f"of {process.user}"
    if process.age_seconds is not None:
        yield f"started {duration(process.age_seconds)} ago"
    if process.state is not None:
        yield STATES.get(process.state, process.state)
    if process.memory_bytes is not None:
        yield f"{process.memory_bytes / GIB:.1f} GiB of memory"
    if process.container:
        inside = f" as {process.pid_inside}" if process.pid_inside is not None else ""
        yield f"in a container{inside}"


def _processor(process: Process) -> Iterator[str]:
    seconds = f" over {process.watched_seconds:.1f} s" if process.watched_seconds is not None else ""
    if process.cpu is not None:
        yield f"{process.cpu:.2f} busy{seconds}"
    if process.affinity_cpus is not None:
        yield f"{process.affinity_cpus} allowed"
    if isinstance(process.cpu_quota, float | int):
        yield f"quota {process.cpu_quota:g}"
    if process.throttled_periods:
        yield f"throttled in {process.throttled_periods} of {process.periods} periods"


def _threads(process: Process) -> Iterator[str]:
    told = [
        f"{thread.name} {thread.cpu or 0:.2f} {thread.state}{f' in {thread.wait_channel}' if thread.wait_channel else ''}"
        for thread in process.threads[:4]
        if thread.tid == process.pid or (thread.cpu or 0) >= 0.05 or thread.state == "D"
    ]
    count = process.thread_count or len(process.threads)
    yield f"{count} thread{'s' * (count != 1)}: {'; '.join(told)}"


def _gpu(snapshot: Snapshot, process: Process) -> Iterator[str]:
    libraries, nodes, gpus = snapshot.get(ProcessLibraries), snapshot.get(ProcessNodes), snapshot.get(ProcessGpus)
    uses = on_gpu(libraries, nodes, gpus)
    if nodes is not None:
        yield f"device nodes: {', '.join(f'{path} ({count})' for path, count in nodes.open.items()) or 'none open'}"
    own = its_gpus(libraries, nodes, gpus)
    for gpu in own:
        yield f"GPU {gpu.index}: {', '.join(_figures(gpu))}"
    if not own:
        yield "GPU: " + {True: "used; NVML does not tell which", False: "none used", None: "unknown"}[uses]


def _figures(gpu: ProcessGpu) -> Iterator[str]:
    if gpu.memory_bytes is not None:
        yield f"{gpu.memory_bytes / GIB:.1f} GiB"
    if gpu.sm_percent is not None:
        yield f"{gpu.sm_percent:.0f} % busy with it"
    if gpu.utilization_percent is not None:
        yield f"{gpu.utilization_percent:.0f} % busy in all"
    if gpu.power_watts is not None:
        limit = f" of {gpu.power_limit_watts:.0f}" if gpu.power_limit_watts else ""
        yield f"{gpu.power_watts:.0f}{limit} W"
    if gpu.others:
        yield f"{gpu.others} other process{'es' * (gpu.others > 1)}"


def _mapped(libraries: ProcessLibraries | None) -> Iterator[str]:
    if libraries is None:
        return
    if libraries.torch:
        build = libraries.torch_cuda and f"CUDA {libraries.torch_cuda}"
        build = build or ("ROCm" if libraries.torch_hip else "CPU only" if libraries.torch_cuda == "" else "?")
        yield f"torch {libraries.torch_version or '?'} ({build}), {len(libraries.libraries)} NVIDIA and torch libraries loaded"
    else:
        yield "torch: not loaded"
    gone = sum(library.deleted for library in libraries.libraries)
    if gone:
        yield f"{gone} of them deleted or replaced on disk"


def _family(process: Process) -> Iterator[str]:
    if process.children:
        busiest = "; ".join(f"{child.pid} {child.name} {child.cpu or 0:.2f}" for child in process.children[:3])
        yield f"started {len(process.children)}: {work_of(process.children):.2f} processors ({busiest})"


def _python(stack: ProcessStack | None) -> Iterator[str]:
    main = stack.main if stack is not None else None
    if main is not None and main.frames:
        yield f"Python: {' < '.join(main.frames[:4])}"


def line(report: Report) -> str:
    """One look on one line: the time, the verdict, the figures."""
    from envdoctor.report.terminal import first_line

    snapshot = report.snapshot
    process, gpus = snapshot.get(Process), snapshot.get(ProcessGpus)
    own = its_gpus(snapshot.get(ProcessLibraries), snapshot.get(ProcessNodes), gpus)
    figures = [f"cpu {process.cpu:.2f}"] if process is not None and process.cpu is not None else []
    figures += [f"gpu {gpu.index} {' '.join(_figures(gpu))}" for gpu in own]
    shown = f" [{', '.join(figures)}]" if figures else ""
    return safe(f"{report.created[11:19]} {first_line(report)}{shown}")


def live_view(report: Report) -> Group:
    """One look on the whole screen."""
    from envdoctor.report.terminal import STYLE, first_line

    body: Iterable[str] = lines(report.snapshot)
    return Group(
        Text(first_line(report), STYLE[report.verdict.status]),
        *(Text("  " + safe(text)) for text in body),
        Text(f"{report.created}  Ctrl-C ends it with a report", style="dim"),
    )
