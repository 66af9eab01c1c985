"""A running process for tests of single checks: a training job on GPU 0 of the healthy workstation, and ways in which it is not well."""

from __future__ import annotations

import msgspec

from envdoctor.facts import (
    Process,
    ProcessFrame,
    ProcessGpu,
    ProcessGpus,
    ProcessLibraries,
    ProcessLibrary,
    ProcessNodes,
    ProcessRelative,
    ProcessStack,
    ProcessThread,
)

PID = 4711
SITE = "/opt/venv/lib/python3.11/site-packages"


def thread(tid: int = PID, name: str = "python", cpu: float = 0.6, state: str = "S", **more: object) -> ProcessThread:
    """One thread; the main one, unless told otherwise."""
    return msgspec.convert({"tid": tid, "name": name, "cpu": cpu, "state": state, **more}, ProcessThread)


def process(*threads: ProcessThread, **more: object) -> Process:
    """It has run for five minutes, and its threads use what they say."""
    threads = threads or (thread(),)
    seen = Process(
        pid=PID,
        name="python",
        command="/opt/venv/bin/python train.py",
        uid=1000,
        user="ada",
        state="S",
        age_seconds=300.0,
        container=False,
        affinity_cpus=16,
        cpu_quota="unlimited",
        watched_seconds=3.0,
        cpu=sum(thread.cpu or 0.0 for thread in threads),
        threads=threads,
        thread_count=len(threads),
        sources={"cpu": f"/proc/{PID}/stat over 3.0 s", "threads": f"/proc/{PID}/task over 3.0 s"},
    )
    return msgspec.structs.replace(seen, **more)


def library(
    name: str, path: str, version: str | None = "2.5.1+cu124", *, deleted: bool = False, now: str | None = None
) -> ProcessLibrary:
    """One that is mapped."""
    return ProcessLibrary(name=name, path=path, version=version, deleted=deleted, version_now=now)


TORCH_CPU = library("torch_cpu", f"{SITE}/torch/lib/libtorch_cpu.so")
TORCH_CUDA = library("torch_cuda", f"{SITE}/torch/lib/libtorch_cuda.so")
DRIVER = library("cuda", "/usr/lib/libcuda.so.595.45.04", "595.45.04")
NCCL = library("nccl", f"{SITE}/nvidia/nccl/lib/libnccl.so.2", "2.21.5")
WITH_CUDA = ProcessLibraries(
    libraries=(TORCH_CPU, TORCH_CUDA, DRIVER, NCCL), torch_version="2.5.1+cu124", torch_cuda="12.4", torch_hip=""
)
WITHOUT_CUDA = ProcessLibraries(
    libraries=(TORCH_CPU,), torch_version="2.13.0+cpu", torch_cuda="", torch_hip="", python="/usr/bin/python3.11"
)
NO_TORCH = ProcessLibraries(libraries=(), python="/usr/bin/python3.11")
OPEN = ProcessNodes(open={"/dev/nvidia-uvm": 2, "/dev/nvidia0": 6, "/dev/nvidiactl": 3})
NOTHING_OPEN = ProcessNodes(open={})


def gpu(busy: float = 97.0, *, listed: bool = True, index: int = 0, **more: object) -> ProcessGpu:
    """A GPU that the process keeps busy for so much of the time."""
    seen = ProcessGpu(
        index=index,
        name="NVIDIA GeForce RTX 4090",
        listed=listed,
        memory_bytes=8 << 30 if listed else None,
        others=0,
        utilization_percent=busy,
        utilization_least=busy,
        power_spread_watts=4.0,
        memory_utilization_percent=busy / 2,
        power_watts=80.0 + 3.5 * busy,
        power_limit_watts=450.0,
        mig=False,
        samples=30,
    )
    return msgspec.structs.replace(seen, **more)


def gpus(*found: ProcessGpu, reliable: bool = True) -> ProcessGpus:
    """What NVML says of them all."""
    return ProcessGpus(gpus=found, reliable=reliable, seconds=3.0)


BUSY = gpus(gpu())
UNUSED = gpus(gpu(0.0, listed=False))


def loader(pid: int, cpu: float = 0.95) -> ProcessRelative:
    """A loader process of torch's."""
    return ProcessRelative(pid=pid, name="pt_data_worker", state="R", cpu=cpu, torch=True, gpu_nodes=0)


def stack(*frames: str) -> ProcessStack:
    """Where its main thread stands, innermost first."""
    return ProcessStack(threads=(ProcessFrame(thread="MainThread", active=True, frames=frames),))
