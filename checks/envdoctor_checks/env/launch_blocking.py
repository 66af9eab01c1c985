"""env.launch-blocking"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, check
from envdoctor.diagnose.remedy import unset_variable
from envdoctor.facts import Environment, Messages
from envdoctor.knowledge.variables import is_harmful, matters

START_UP_ONLY = ("CUDA_MODULE_LOADING",)
"""It costs time at the start of a program, not while it runs."""


@check("env.launch-blocking", explains=("compute.slow", "compute.launch-stall"))
def launch_blocking(environment: Environment, messages: Messages | None) -> Iterator[Finding]:
    """A debug variable such as CUDA_LAUNCH_BLOCKING slows every GPU program down.

    What it means:
    CUDA_LAUNCH_BLOCKING=1 makes every kernel launch wait for the kernel's end, so processor and GPU take turns. It is meant for finding
    the line of an error. Injection and profiling variables (CUDA_INJECTION64_PATH and others) load tools into every program.

    How to confirm it by hand:
    `env | grep -E '^CUDA_|^TORCH_'`.

    Ways out:
    Unset the variable where the program is started (shell profile, container, service file, job script).

    Often mistaken for:
    A slow GPU, or a slow data loader.
    """
    searched = messages is not None and messages.has("torch-device-assert") is not None  # for which it is meant
    for name, value in environment.variables.items():
        row = matters(name)
        if row is None or row.cause != "env.launch-blocking" or not is_harmful(name, value):
            continue
        yield Finding(
            title=f"{name}={value} {row.effect or 'slows every GPU program down'}",
            severity="info" if name in START_UP_ONLY or searched else "warning",
            evidence=(environment.says("variables", f"{name}={value}"),),
            fix=(unset_variable(name),),
        )
