"""What NVML says."""

from __future__ import annotations

import importlib.util
import os
import sysconfig
from typing import Any

import msgspec

from envdoctor.collect.api import collector
from envdoctor.collect.host import ChildResult, Host
from envdoctor.collect.said import died, said
from envdoctor.facts import Nvml

CALLS = {"import": "import pynvml", "init": "nvmlInit", "system": "NVML (versions and count)"}


@collector
def nvml(host: Host) -> Nvml:
    """NVML, asked through pynvml in a child; every code as it came, a GPU or a field that fails by itself."""
    from envdoctor.collect import nvml_child

    return read_nvml(host.child(str(nvml_child.__file__), isolated=_is_installed("pynvml")))


def _is_installed(module: str) -> bool:
    """Whether a module of our environment is found without PYTHONPATH and the user's own folder: then the child does without them too,
    and what lies there for another interpreter (a sitecustomize, a pynvml of its own) cannot get at it."""
    spec = importlib.util.find_spec(module)
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    return spec is not None and any((spec.origin or "").startswith(folder + os.sep) for folder in folders)


def read_nvml(result: ChildResult) -> Nvml:
    """The child's words as a fact. Raises CannotLook where it died before NVML had answered every question."""
    init = said(result, "init")
    if init is None or result.stage is not None:
        raise died(result, {f"{result.stage}": f"NVML ({result.stage})", **CALLS}, "the NVML child")
    system = said(result, "system") or {}
    gpus: list[Any] = [line["gpu"] for line in result.stages if line.get("event") == "leave" and "gpu" in line]
    pairs = said(result, "pairs") or {}
    found: Nvml = msgspec.convert({**init, **system, **pairs, "gpus": gpus}, Nvml, strict=False)
    return msgspec.structs.replace(found, sources=_SOURCES)


_SOURCES = {
    "init_code": "nvmlInit",
    "driver_version": "nvmlSystemGetDriverVersion",
    "library_version": "nvmlSystemGetNVMLVersion",
    "cuda_driver_version": "nvmlSystemGetCudaDriverVersion",
    "device_count": "nvmlDeviceGetCount",
}
