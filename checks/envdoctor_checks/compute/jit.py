"""compute.jit"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import compute_capabilities, torch_version
from envdoctor.diagnose.remedy import torch_wheel
from envdoctor.facts import CudaDriver, Interpreter, Nvml, ProgramLog, TorchRuntime, Work
from envdoctor.knowledge.archs import runs_on
from envdoctor.knowledge.drivers import architecture, cuda_of_driver, version_key
from envdoctor.knowledge.gpus import compute_capability

FELT = 2.0
"""Seconds of a first run that are felt; loading a library takes less."""


@check("compute.jit", fields=("torch_runtime.arch_list|program_log.cuda|program_log.first_seconds",))
def jit(
    torch_runtime: TorchRuntime | None,
    cuda_driver: CudaDriver | None,
    nvml: Nvml | None,
    work: Work | None,
    interpreter: Interpreter | None,
    program_log: ProgramLog | None,
) -> Iterator[Finding]:
    """The first run is slow: this build has no binary for the GPU, and the driver compiles PTX.

    What it means:
    torch brings machine code for some compute capabilities and PTX for the newest one. On a GPU newer than those the driver compiles each
    kernel when it is first used, which takes from seconds to many minutes, and again after the cache (~/.nv/ComputeCache) is lost.

    How to confirm it by hand:
    `python -c "import torch; print(torch.cuda.get_arch_list(), torch.cuda.get_device_capability())"`.

    Ways out:
    Install a torch that has a binary for this GPU; in containers, keep ~/.nv/ComputeCache on a volume.

    Often mistaken for:
    A hang at the first step.
    """
    if program_log is not None and (newer := _newer_than_its_cuda(program_log, nvml)):
        yield newer
    elif program_log is not None and program_log.first_seconds is not None:
        yield _slow_first_use(program_log, program_log.first_seconds, interpreter)
    if torch_runtime is None:
        return
    arch_list = torch_runtime.arch_list or ()
    capabilities = compute_capabilities(cuda_driver, nvml)
    compiled = [capability for capability in dict.fromkeys(capabilities) if runs_on(arch_list, capability) == "ptx"]
    if not compiled:
        return
    first = max((rate.first or 0.0 for device in (work.devices if work else ()) for rate in device.rates), default=0.0)
    took = f"; a first run took {first:.0f} s" if first >= FELT else ""
    version = torch_version(None, torch_runtime) or ""
    yield Finding(
        title=f"torch {version} has PTX and no binary for compute capability {', '.join(compiled)}{took}",
        severity="warning" if first >= FELT else "info",
        detail="Every kernel is compiled by the driver when it is first used.",
        evidence=(torch_runtime.says("arch_list", " ".join(arch_list)),),
        fix=(torch_wheel(interpreter, driver_cuda=None, compute_capabilities=compiled),),
    )


def _slow_first_use(log: ProgramLog, seconds: float, interpreter: Interpreter | None) -> Finding:
    return Finding(
        title=f"The first use of the GPU took {seconds:.0f} s: kernels are compiled for it from PTX",
        severity="warning",
        detail="A build with binaries for this GPU starts in seconds.",
        evidence=(log.says("first_seconds", f"{seconds:.0f} s"),),
        fix=(torch_wheel(interpreter, driver_cuda=None, compute_capabilities=()),),
        confidence="likely",
    )


def _newer_than_its_cuda(log: ProgramLog, nvml: Nvml | None) -> Finding | None:
    """A program that loaded the libraries of a CUDA which cannot compile for the GPU that it found: what runs there comes from PTX."""
    named = (compute_capability(gpu.name) for gpu in (nvml.gpus if nvml is not None else ()) if gpu.name)
    for capability in (*log.capabilities, *filter(None, named)) if log.cuda else ():
        row = architecture(capability)
        first = cuda_of_driver(str(row.first_branch)) if row is not None and row.first_branch is not None else None
        loaded = version_key(log.cuda or "0")
        if first is None or loaded >= first[: len(loaded)]:
            continue
        return Finding(
            title=f"The program loaded CUDA {log.cuda}, which is older than compute capability {capability} (CUDA {first[0]}.{first[1]})",
            severity="warning",
            detail="It has no binaries for this GPU: the driver compiles every kernel from PTX when it is first used, which takes minutes.",
            evidence=(log.says("cuda", f"CUDA {log.cuda}"),),
            fix=(Fix(f"Install a build of the program with CUDA {first[0]}.{first[1]} or newer"),),
            confidence="likely",
        )
    return None
