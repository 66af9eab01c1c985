"""Which CUDA a driver runs, and whether a build asks for more."""

from __future__ import annotations

import re

from envdoctor.diagnose.loaded import parts
from envdoctor.diagnose.predicates import dotted, driver_version
from envdoctor.facts import CudaDriver, DriverLibraries, Evidence, KernelModule, NvidiaSmi, Nvml
from envdoctor.knowledge import drivers


def driver_runs(
    cuda: CudaDriver | None,
    nvml: Nvml | None,
    module: KernelModule | None,
    smi: NvidiaSmi | None,
    libraries: DriverLibraries | None,
) -> tuple[int, Evidence] | None:
    """The CUDA version that the driver runs at most, ``12040``, and who says so: the driver itself, else the table of branches."""
    if cuda is not None and cuda.driver_version:
        return cuda.driver_version, cuda.says("driver_version", f"CUDA {dotted(cuda.driver_version)}")
    winner = libraries.winner("libcuda.so.1") if libraries is not None else None
    if winner is not None and winner.kind == "compat":
        return None  # a newer libcuda over this driver: only cuDriverGetVersion tells what the two run
    if nvml is not None and nvml.cuda_driver_version:
        return nvml.cuda_driver_version, nvml.says("cuda_driver_version", f"CUDA {dotted(nvml.cuda_driver_version)}")
    match = re.fullmatch(r"(\d+)\.(\d+)", smi.cuda_version or "") if smi is not None else None
    if smi is not None and match is not None:
        return int(match[1]) * 1000 + int(match[2]) * 10, smi.says("cuda_version")
    version = driver_version(nvml, module) or of_smi(smi)
    highest = drivers.cuda_of_driver(version) if version else None
    return (highest[0] * 1000 + highest[1] * 10, Evidence("driver version", version or "")) if highest else None


def of_smi(smi: NvidiaSmi | None) -> str | None:
    """The driver version that nvidia-smi printed."""
    return smi.driver_version if smi is not None else None


def clash(number: int, version: str | None, cuda: str, build: str, *, linux: bool) -> str | None:
    """What clashes: the CUDA major versions, or a driver below the first of its major; None: the driver runs the build."""
    major, minor = (*drivers.version_key(cuda), 0)[:2]
    runs = number // 1000, number % 1000 // 10
    if not drivers.runs_cuda(runs, (major, minor)):
        return f"{f'Driver {version}' if version else 'The driver'} runs CUDA {dotted(number)} at most; {build} needs CUDA {cuda}"
    lowest = drivers.minimum_driver(major)
    if not (linux and version and lowest) or runs >= (major, minor):
        return None
    below = () < parts(version) < parts(lowest)
    return f"Driver {version} is below {lowest}, the lowest that runs CUDA {cuda} ({build})" if below else None
