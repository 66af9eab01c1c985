"""code.not-on-gpu"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import cuda_works
from envdoctor.diagnose.running import STARTING, duration, effort, gone, is_worker, label, on_gpu, stopped
from envdoctor.diagnose.said import confidence_of, pointing_at, quoted
from envdoctor.facts import (
    CudaDriver,
    Message,
    Messages,
    Process,
    ProcessGpus,
    ProcessLibraries,
    ProcessNodes,
    TorchRuntime,
)

AT_WORK = 0.5
"""Processors: a process that computes uses more, one that waits for something less."""
ON_CPU = "program-on-cpu-"
"""The beginning of the keys of messages that tell where a program works. Alone they say nothing: many are meant for the processor."""
SETTLED = 60.0
"""Seconds in which a program loads its model and data before it turns to the GPU."""


@check("code.not-on-gpu", fields=("messages.messages|process_nodes.open",), explains=("compute.cpu-fallback",))
def not_on_gpu(
    messages: Messages | None,
    process: Process | None,
    process_libraries: ProcessLibraries | None,
    process_nodes: ProcessNodes | None,
    process_gpus: ProcessGpus | None,
    cuda_driver: CudaDriver | None,
    torch_runtime: TorchRuntime | None,
) -> Iterator[Finding]:
    """The GPU is there and works, and the program never puts its model or data on it.

    What it means:
    A library uses the GPU only for what it is told to put there: torch wants `.to("cuda")`, llama.cpp `--n-gpu-layers`. Nothing is
    wrong with the environment.

    How to confirm it by hand:
    `nvidia-smi` does not list the process, or with a few MiB; `next(model.parameters()).device` says cpu. A running process:
    `ls -l /proc/PID/fd | grep nvidia` shows nothing. A program that still reads its data looks the same: see again a minute later.

    Ways out:
    torch: `model.to("cuda")` and the same for each batch. llama.cpp: `-ngl 99`; llama-cpp-python: `n_gpu_layers=-1`.

    Often mistaken for:
    A broken installation, because the GPU is found and stays idle.
    """
    if process is not None and process_libraries is not None and cuda_works(cuda_driver, None):
        uses = on_gpu(process_libraries, process_nodes, process_gpus)
        if uses is False and process_libraries.torch_with_cuda and _computes(process):
            yield _running(process, process_libraries, process_nodes, cuda_driver)
    said = next(iter(pointing_at(messages, "code.not-on-gpu")), None) if messages is not None else None
    if said is None and messages is not None:
        said = _told(messages, seen=torch_runtime is not None and torch_runtime.cuda_available is True)
    if said is None or messages is None:
        return
    llama = "llama" in (said.emitter or "")
    yield Finding(
        title=quoted(said, 100),
        detail="The environment is fine: the program asked for nothing on the GPU.",
        evidence=(messages.says("messages", said.text),),
        fix=(
            Fix("Ask for all layers on the GPU: -ngl 99 (llama.cpp), n_gpu_layers=-1 (llama-cpp-python)")
            if llama
            else Fix('Move model and data: model.to("cuda"), batch.to("cuda")'),
        ),
        confidence=confidence_of(said),
    )


def _told(messages: Messages, *, seen: bool) -> Message | None:
    """What says that the GPU does nothing, in a report in which torch sees one; or that the program works on the processor, while the GPU idles or is seen.

    A report that names both devices compares them, and says nothing of where the program works.
    """
    idle = messages.has("user-gpu-idle")
    placed = next((said for said in messages.messages if said.key.startswith(ON_CPU)), None)
    if placed is not None and (seen or idle is not None) and messages.has("program-on-gpu") is None:
        return placed
    return idle if seen else None


def _computes(process: Process) -> bool:
    """Whether it is at work by itself, on what would be a GPU's: not a helper, a launcher, a container's, or one that waits."""
    if gone(process) or stopped(process) or is_worker(process) or process.container is not False:
        return False
    at_work = (effort(process) or 0.0) >= AT_WORK
    settled = process.age_seconds is not None and process.age_seconds >= STARTING
    return at_work and settled and not any(child.gpu_nodes for child in process.children)


def _running(
    process: Process, libraries: ProcessLibraries, nodes: ProcessNodes | None, cuda_driver: CudaDriver | None
) -> Finding:
    age = process.age_seconds or 0.0
    torch = f"torch {libraries.torch_version or ''}".rstrip()
    gpus = cuda_driver.device_count if cuda_driver is not None else None
    return Finding(
        title=f"{label(process)[:40]} has run for {duration(age)}, {process.cpu or 0:.1f} processors busy, and holds no GPU",
        severity="error" if age >= SETTLED else "warning",
        detail=f"{torch} with CUDA is loaded in it, and CUDA sees {gpus} GPU{'s' * (gpus != 1)} in its environment. "
        "It computes on the processor, or it has not come to the GPU yet.",
        evidence=(
            process.says("age_seconds", duration(age)),
            process.says("cpu"),
            *((nodes.says("open", ", ".join(nodes.open) or "no device node"),) if nodes is not None else ()),
            libraries.says("libraries", next(x.path for x in libraries.libraries if x.name.startswith("torch_cuda"))),
            *((cuda_driver.says("device_count"),) if cuda_driver is not None else ()),
        ),
        fix=(
            Fix('Move model and data: model.to("cuda"), batch.to("cuda")'),
            Fix("Or look again, if it is still reading its data", f"envdoctor check --pid {process.pid} --watch 10"),
        ),
        confidence="likely" if age >= SETTLED else "possible",
    )
