"""What the CUDA driver API says."""

from __future__ import annotations

from typing import Any

import msgspec

from envdoctor.collect.api import collector
from envdoctor.collect.host import CannotLook, ChildResult, Host
from envdoctor.collect.interpreter import choose_interpreter
from envdoctor.collect.said import died, said
from envdoctor.facts import CudaDriver

CALLS = {"load": "loading libcuda.so.1", "version": "cuDriverGetVersion", "init": "cuInit", "devices": "cuDeviceGet…"}
MASK = "CUDA_VISIBLE_DEVICES"


@collector
def cuda_driver(host: Host) -> CudaDriver:
    """libcuda, asked through ctypes in a child of the examined interpreter: whatever the loader gives torch is what answers."""
    python = _interpreter(host)
    try:
        result = host.child("cuda.py", python=python)
    except CannotLook as error:
        if error.problem.kind == "skipped":
            raise
        result = host.child("cuda.py", isolated=True)  # an interpreter that cannot be started is another fact's problem
    if not any(line["stage"] in CALLS for line in result.stages):
        result = host.child(
            "cuda.py", isolated=True
        )  # no Python, too old, or stuck in its own start: again another fact's problem
    found = read_cuda(result)
    if host.environ.get(MASK) is None or (found.init_code == 0 and found.library == ""):
        return found
    bare = {name: value for name, value in host.environ.items() if name != MASK}
    if python is None:
        return found
    examined = python if host.request.pid is not None else None  # our own is not for another process's environment
    return _with_unmasked(
        found, host.child("cuda.py", ("--init-only",), python=examined, environ=bare, isolated=examined is None)
    )


def _interpreter(host: Host) -> str | None:
    """The examined interpreter; None: our own, where the examined process has none that could be run."""
    try:
        return choose_interpreter(host)[0]
    except CannotLook:
        if host.request.pid is None:
            raise
        return None


def read_cuda(result: ChildResult) -> CudaDriver:
    """The child's words as a fact. Raises CannotLook where it died in the driver."""
    words: dict[str, Any] = {}
    for stage in CALLS:
        words.update(said(result, stage) or {})
    if result.stage is not None:
        library = f" (libcuda {words['library']})" if words.get("library") else ""
        raise died(result, {stage: call + library for stage, call in CALLS.items()}, "the CUDA child")
    if not words:
        raise died(result, CALLS, "the CUDA child")
    found: CudaDriver = msgspec.convert(words, CudaDriver, strict=False)
    return msgspec.structs.replace(found, sources={"library": "/proc/self/maps"})


def _with_unmasked(found: CudaDriver, result: ChildResult) -> CudaDriver:
    init, devices = said(result, "init"), said(result, "devices")
    sources = dict.fromkeys(("unmasked_init_code", "unmasked_device_count"), f"cuInit without {MASK}")
    return msgspec.structs.replace(
        found,
        unmasked_init_code=init["init_code"] if init else None,
        unmasked_device_count=devices["device_count"] if devices else None,
        sources={**found.sources, **sources},
    )
