"""code.not-on-gpu"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.said import confidence_of, pointing_at, quoted
from envdoctor.facts import Messages, TorchRuntime


@check("code.not-on-gpu", fields=("messages.messages",), explains=("compute.cpu-fallback",))
def not_on_gpu(messages: Messages, torch_runtime: TorchRuntime | None) -> Iterator[Finding]:
    """The GPU is there and works, and the program never puts its model or data on it.

    What it means:
    A library uses the GPU only for what it is told to put there: torch wants `.to("cuda")`, llama.cpp `--n-gpu-layers`. Nothing is
    wrong with the environment.

    How to confirm it by hand:
    `nvidia-smi` does not list the process, or with a few MiB; `next(model.parameters()).device` says cpu.

    Ways out:
    torch: `model.to("cuda")` and the same for each batch. llama.cpp: `-ngl 99`; llama-cpp-python: `n_gpu_layers=-1`.

    Often mistaken for:
    A broken installation, because the GPU is found and stays idle.
    """
    said = next(iter(pointing_at(messages, "code.not-on-gpu")), None)
    idle = messages.has("user-gpu-idle")
    if said is None and idle is not None and torch_runtime is not None and torch_runtime.cuda_available is True:
        said = idle
    if said is None:
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
