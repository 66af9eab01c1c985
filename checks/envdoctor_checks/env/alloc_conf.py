"""env.alloc-conf"""

from __future__ import annotations

import re
from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import driver_cuda
from envdoctor.diagnose.remedy import unset_variable
from envdoctor.facts import CudaDriver, Environment, Messages, Nvml

NAMES = ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF")
KEYS = {
    "max_split_size_mb": r"\d+",
    "roundup_power2_divisions": r"\d+|\[.*\]",
    "roundup_bypass_threshold_mb": r"\d+",
    "garbage_collection_threshold": r"0?\.\d+|0",
    "expandable_segments": r"(?i:true|false)",
    "backend": r"native|cudaMallocAsync",
    "release_lock_on_cudamalloc": r"(?i:true|false)",
    "release_lock_on_hipmalloc": r"(?i:true|false)",
    "pinned_use_cuda_host_register": r"(?i:true|false)",
    "pinned_use_hip_host_register": r"(?i:true|false)",
    "pinned_num_register_threads": r"\d+",
    "pinned_use_background_threads": r"(?i:true|false)",
    "pinned_reserve_segment_size_mb": r"\d+",
    "max_non_split_rounding_mb": r"\d+",
    "graph_capture_record_stream_reuse": r"(?i:true|false)",
    "per_process_memory_fraction": r"[01]?\.?\d*",
    "large_segment_size_mb": r"\d+",
    "throw_on_cudamalloc_oom": r"(?i:true|false)",
}
"""The settings that torch knows (docs.pytorch.org, "CUDA semantics", Optimizing memory usage), with the values that they take."""
SMALLEST_SPLIT = 20
"""torch refuses a max_split_size_mb below its large-block size of 20 MB (CUDAAllocatorConfig)."""
ASYNC_NEEDS = 11040


@check("env.alloc-conf", fields=("environment.variables|messages.messages",))
def alloc_conf(
    environment: Environment | None, cuda_driver: CudaDriver | None, nvml: Nvml | None, messages: Messages | None
) -> Iterator[Finding]:
    """A setting of torch's memory allocator is invalid, or does harm.

    What it means:
    PYTORCH_ALLOC_CONF (older: PYTORCH_CUDA_ALLOC_CONF) holds settings as `key:value`, parted by commas. torch reads it when CUDA is first used and
    raises for what it does not understand. PYTORCH_NO_CUDA_MEMORY_CACHING=1 turns the caching off: every allocation then waits for the GPU.

    How to confirm it by hand:
    `<interpreter> -c "import torch; torch.zeros(1, device='cuda')"` raises "Unrecognized CachingAllocator option".

    Ways out:
    Correct the setting or unset it.

    Often mistaken for:
    Running out of memory for want of memory: fragmentation is what these settings are for.
    """
    if environment is None:
        return
    for name in NAMES:
        value = environment.get(name)
        problem = _problem(value, driver_cuda(cuda_driver, nvml)) if value else None
        if value and problem is not None:
            yield Finding(
                title=f"{name}: {problem}",
                severity="error",
                evidence=(environment.says("variables", f"{name}={value}"),),
                fix=(
                    unset_variable(name),
                    Fix("Or set what torch understands", f"export {name}=expandable_segments:True"),
                ),
            )
    if environment.get("PYTORCH_NO_CUDA_MEMORY_CACHING") not in (None, ""):
        yield Finding(
            title="PYTORCH_NO_CUDA_MEMORY_CACHING is set: every allocation waits for the GPU",
            severity="warning",
            evidence=(
                environment.says(
                    "variables", f"PYTORCH_NO_CUDA_MEMORY_CACHING={environment.get('PYTORCH_NO_CUDA_MEMORY_CACHING')}"
                ),
            ),
            fix=(unset_variable("PYTORCH_NO_CUDA_MEMORY_CACHING"),),
        )


def _problem(value: str, cuda: int | None) -> str | None:
    """What torch would refuse in a value; None: nothing. A key that is not in our table is left to torch: it may be newer than we are."""
    for part in re.split(r",(?![^\[]*\])", value):
        key, colon, setting = part.strip().partition(":")
        if not colon:
            return f"{part.strip()!r} is no key:value pair"
        pattern = KEYS.get(key.strip())
        if pattern is not None and not re.fullmatch(pattern, setting.strip()):
            return f"{setting.strip()!r} is no value for {key.strip()}"
        if key.strip() == "max_split_size_mb" and int(setting) <= SMALLEST_SPLIT:
            return f"max_split_size_mb must be more than {SMALLEST_SPLIT}"
        if setting.strip() == "cudaMallocAsync" and cuda is not None and cuda < ASYNC_NEEDS:
            return f"cudaMallocAsync needs CUDA 11.4; the driver runs {cuda // 1000}.{cuda % 1000 // 10}"
    return None
