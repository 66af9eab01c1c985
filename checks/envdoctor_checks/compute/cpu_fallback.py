"""compute.cpu-fallback"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.measured import on_gpu, place
from envdoctor.facts import DeviceWork, Evidence, ProgramLog, Work

CONTEXT_BYTES = 64 << 20
"""A CUDA context alone takes more than this: a GPU that this process worked on holds more memory than before."""
MANY_COPIES = 2
"""To the host in one step: the loss may be read once."""


@check(
    "compute.cpu-fallback",
    fields=("work.devices|program_log.layers_offloaded",),
    explains=("compute.launch-stall", "compute.step-jitter", "compute.slow"),
)
def cpu_fallback(work: Work | None, program_log: ProgramLog | None) -> Iterator[Finding]:
    """Work runs on the processor though a GPU is there to run it.

    What it means:
    A training step that was put on the GPU computed part of itself on the processor: a layer, an operator that has no kernel for the device,
    or a patched torch moved it. It was seen by more than one sign: the devices of operators as torch dispatched them, copies to the host, the
    devices of parameters and gradients, the memory that the GPU holds.

    How to confirm it by hand:
    `next(model.parameters()).device`; `nvidia-smi` shows the process and its memory; py-spy shows processor threads busy in torch's kernels.

    Ways out:
    Move model and data to the same device (`.to("cuda")`); take out what patches torch; for an operator without a kernel, take another.

    Often mistaken for:
    A slow GPU, or a slow data loader.
    """
    if program_log is not None and program_log.layers_offloaded is False and program_log.layers_asked:
        yield _of_llama(program_log)
    for device in on_gpu(work) if work is not None else ():
        signs = _signs(device)
        if len(signs) < 2:
            continue
        watched = device.step.watched if device.step is not None else None
        first = watched.first_elsewhere if watched is not None else None
        if first is not None and watched is not None:
            title = f"{first} runs on the processor in a step on {place(device)} ({watched.elsewhere} of {watched.ops} operators)"
        else:
            title = f"{place(device)}: {signs[0].source} {signs[0].value}; {signs[1].source} {signs[1].value}"
        yield Finding(
            title=title,
            detail="Each such operator waits for the GPU, copies, computes slowly, and copies back.",
            evidence=tuple(signs),
            fix=(Fix("Find who moves it: grep the program for .cpu(), .to('cpu') and device='cpu'"),),
            gpu=device.gpu,
        )


def _of_llama(log: ProgramLog) -> Finding:
    layers = "all" if (log.layers_asked or 0) < 0 else str(log.layers_asked)
    return Finding(
        title=f"llama.cpp was told to put {layers} layers on the GPU, and its log has none there",
        detail="A build without CUDA ignores the option and says nothing of a GPU while it loads.",
        evidence=(
            log.says("layers_asked", f"{layers} layers asked for"),
            log.says("layers_offloaded", "none offloaded"),
        ),
        fix=(
            Fix(
                "Install a build with CUDA",
                "CMAKE_ARGS=-DGGML_CUDA=on pip install --force-reinstall --no-cache-dir llama-cpp-python",
            ),
        ),
        confidence="likely",
    )


def _signs(device: DeviceWork) -> list[Evidence]:
    """Each independent sign that work was done off the device. A profiler that saw no kernel is none: CUPTI may be missing."""
    found: list[Evidence] = []
    step, load = device.step, device.load
    if step is not None:
        where = sorted({*step.devices, *step.gradient_devices} - {"cuda"})
        if where:
            found.append(Evidence("parameters and gradients", f"on {', '.join(where)}"))
        if step.watched is not None and step.watched.elsewhere:
            found.append(
                Evidence("operators off the device", _with_first(step.watched.elsewhere, step.watched.first_elsewhere))
            )
        if step.watched is not None and step.watched.to_host > MANY_COPIES:
            found.append(Evidence("copies to the host in a step", str(step.watched.to_host)))
        elif step.watched is not None and step.watched.elsewhere and step.watched.to_host:
            found.append(
                Evidence("copies to the host in a step", _with_first(step.watched.to_host, step.watched.first_to_host))
            )
    if load is not None and load.memory_used_most is not None and load.memory_used_before is not None:
        grown = load.memory_used_most - load.memory_used_before
        if step is not None and grown < CONTEXT_BYTES:
            found.append(Evidence("memory of the GPU during the work", f"grew by {grown >> 20} MiB"))
    return found


def _with_first(count: int, first: str | None) -> str:
    return f"{count}, the first is {first}" if first else str(count)
