"""framework.fallback"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.said import confidence_of, pointing_at, quoted
from envdoctor.facts import Messages

REMEDIES = {
    "onnxruntime": Fix(
        "Install the GPU build of the CUDA and cuDNN that are there, without the plain one beside it",
        "pip uninstall -y onnxruntime onnxruntime-gpu && pip install onnxruntime-gpu",
    ),
    "tensorflow": Fix("Install TensorFlow with its CUDA libraries", "pip install 'tensorflow[and-cuda]'"),
    "jax": Fix("Install jax with its CUDA plugin", "pip install -U 'jax[cuda12]'"),
    "llama.cpp": Fix(
        "Build it with CUDA",
        "CMAKE_ARGS='-DGGML_CUDA=on' pip install --force-reinstall --no-cache-dir llama-cpp-python",
    ),
    "ollama": Fix(
        "Reinstall ollama with its CUDA libraries, and read why it skipped them", "OLLAMA_DEBUG=1 ollama serve"
    ),
}
"""By who says it."""


@check("framework.fallback", fields=("messages.messages",), explains=("compute.cpu-fallback",))
def fallback(messages: Messages) -> Iterator[Finding]:
    """Another framework (onnxruntime, TensorFlow, JAX, llama.cpp, ollama …) fell back to the processor.

    What it means:
    The framework looked for CUDA, did not find what its build needs, and goes on without it: a build for the processor, a missing or other
    version of CUDA or cuDNN, or no driver. It says so once, in its log.

    How to confirm it by hand:
    `onnxruntime.get_available_providers()`; `tf.config.list_physical_devices("GPU")`; `jax.devices()`; the first lines of llama.cpp's log.

    Ways out:
    Install the framework's build for CUDA together with the CUDA and cuDNN that this build names; these differ from torch's.

    Often mistaken for:
    A fault of torch: each framework brings, or looks for, its own libraries.
    """
    said = next(iter(pointing_at(messages, "framework.fallback")), None)
    if said is None:
        return
    who = (said.emitter or "").lower()
    remedy = next((fix for name, fix in REMEDIES.items() if name in who), None)
    yield Finding(
        title=quoted(said, 100),
        detail=f"{said.emitter or 'The framework'} goes on without the GPU.",
        evidence=(messages.says("messages", said.text),),
        fix=(remedy or Fix("Install the framework's build for the CUDA that is there"),),
        confidence=confidence_of(said),
    )
