"""A program that runs now (``--pid``), as the kernel and NVML show it. Nothing is asked of the program itself."""

from __future__ import annotations

from typing import ClassVar, Literal

from envdoctor.facts.base import Fact

LibrarySource = Literal["file name", "wheel", "torch/version.py", "the file itself"]


class ProcessThread(Fact, frozen=True, kw_only=True):
    """One thread of the process, watched for some seconds."""

    tid: int
    name: str | None = None
    state: str | None = None
    """The letter that it showed most often: ``R`` runs, ``S`` sleeps, ``D`` waits inside the kernel, ``T`` is stopped, ``t`` is held by a debugger."""
    always_in_state: bool = False
    """Whether it showed no other."""
    wait_channel: str | None = None
    """The kernel function that it most often waited in; None: it ran, or nobody may tell."""
    cpu: float | None = None
    """Processors that it used: 1.0 is one processor all the time."""
    wanted: float | None = None
    """That, and the time in which it was ready and waited for a processor: others compete for them."""


class ProcessRelative(Fact, frozen=True, kw_only=True):
    """The process's parent, or one that it started (or that those started)."""

    pid: int
    name: str | None = None
    command: str | None = None
    state: str | None = None
    cpu: float | None = None
    """Processors that all its threads used."""
    wanted: float | None = None
    """That, and the time in which its main thread was ready and waited for a processor."""
    blocked: float | None = None
    """0–1: the share of the looks at which its main thread waited inside the kernel (D): for storage, as a rule."""
    torch: bool | None = None
    """Whether torch is mapped in it."""
    gpu_nodes: int | None = None
    """Open descriptors on GPUs' device nodes."""


class Process(Fact, frozen=True, kw_only=True):
    """What everybody may see of a running process: who it is, and what its threads do."""

    default_source: ClassVar[str] = "/proc"

    pid: int
    name: str | None = None
    """Of at most 15 characters, as the kernel knows it."""
    command: str | None = None
    """Its command line, 300 characters of it."""
    uid: int | None = None
    user: str | None = None
    foreign: bool = False
    """It belongs to another user than the one who runs envdoctor."""
    state: str | None = None
    """The letter of its main thread; ``Z``: it has ended, and nobody has collected it."""
    age_seconds: float | None = None
    """Since it was started."""
    pid_inside: int | None = None
    """Its number in its own container, where that has numbers of its own."""
    container: bool | None = None
    """Whether it has other files than we have (a mount namespace of its own); None: no right to tell."""
    cgroup: str | None = None
    cpu_quota: float | Literal["unlimited"] | None = None
    """Processors' worth of time that its cgroup may use."""
    ranks: int | None = None
    """Of the distributed job that it belongs to, by the variables of its launcher; None: it names none."""
    throttled_periods: int | None = None
    """Periods in which its cgroup was stopped for its quota while we watched."""
    periods: int | None = None
    affinity_cpus: int | None = None
    """Processors that it may run on."""
    memory_bytes: int | None = None
    """Resident."""
    watched_seconds: float | None = None
    cpu: float | None = None
    """Processors that all its threads used while we watched."""
    threads: tuple[ProcessThread, ...] = ()
    """Those that used the most come first, after the main thread; 64 at most."""
    thread_count: int | None = None
    parent: ProcessRelative | None = None
    children: tuple[ProcessRelative, ...] = ()
    """And theirs; 64 at most."""
    ended: bool = False
    """It ended while we watched."""

    @property
    def main_thread(self) -> ProcessThread | None:
        """The thread that began it."""
        return next((thread for thread in self.threads if thread.tid == self.pid), None)


class ProcessLibrary(Fact, frozen=True, kw_only=True):
    """One NVIDIA or torch library mapped in the process."""

    name: str
    """The family: ``cudart``, ``cudnn``, ``cuda`` (the driver), ``torch_cuda`` …"""
    path: str
    version: str | None = None
    version_by: LibrarySource | None = None
    """How the version is known: a running process's libraries cannot be asked."""
    owner: str | None = None
    """``nvidia-cudnn-cu12 9.1.0.70``, ``torch 2.5.1``, ``the driver``, ``system`` …"""
    deleted: bool = False
    """The file was deleted or replaced since: the process runs what is no longer on disk."""
    version_now: str | None = None
    """Of what lies there now; empty: nothing does; None: it cannot be told, or the file was not deleted."""


class ProcessLibraries(Fact, frozen=True, kw_only=True):
    """What is mapped in the process: its libraries, and the device memory of the driver."""

    default_source: ClassVar[str] = "/proc/PID/maps"

    libraries: tuple[ProcessLibrary, ...] = ()
    torch_version: str | None = None
    """From torch/version.py beside the mapped library."""
    torch_cuda: str | None = None
    """``12.4``; empty: built without CUDA."""
    torch_hip: str | None = None
    """Empty: not a ROCm build."""
    python: str | None = None
    """The interpreter's program: /proc/PID/exe; empty: the process is no Python."""
    mapped_nodes: tuple[str, ...] = ()
    """Device nodes that it has mapped: CUDA was started in it."""

    @property
    def torch(self) -> bool:
        """Whether torch is mapped."""
        return any(library.name.startswith("torch") for library in self.libraries)

    @property
    def torch_with_cuda(self) -> bool:
        """Whether torch's part for NVIDIA's GPUs is mapped."""
        return any(library.name.startswith("torch_cuda") for library in self.libraries)

    def named(self, name: str) -> tuple[ProcessLibrary, ...]:
        """The mapped libraries of one family."""
        return tuple(library for library in self.libraries if library.name == name)


class ProcessNodes(Fact, frozen=True, kw_only=True):
    """The process's open descriptors on the GPU's device nodes."""

    default_source: ClassVar[str] = "/proc/PID/fd"

    open: dict[str, int] = {}
    """Path to the number of descriptors: ``/dev/nvidia0``, ``/dev/nvidiactl``, ``/dev/nvidia-uvm``, ``/dev/dxg``, ``/dev/kfd`` …"""

    @property
    def gpus(self) -> tuple[str, ...]:
        """Those that stand for a GPU."""
        return tuple(path for path in self.open if is_gpu_node(path))


def is_gpu_node(path: str) -> bool:
    """Whether a device node stands for a GPU: not for the driver's control."""
    return path.removeprefix("/dev/nvidia").isdigit() or path in ("/dev/dxg", "/dev/kfd", "/dev/nvhost-gpu")


CONTEXT = 64 << 20
"""Bytes: less than any CUDA context takes (some 200 MiB and more), and more than an unused card shows."""


class ProcessGpu(Fact, frozen=True, kw_only=True):
    """One GPU while the process was watched, and the process's part in it."""

    default_source: ClassVar[str] = "NVML"

    index: int
    name: str | None = None
    listed: bool | None = None
    """Whether NVML lists the process on it."""
    pids: tuple[int, ...] = ()
    """All processes that NVML lists on it, 64 at most."""
    memory_bytes: int | None = None
    """That the process holds there."""
    others: int | None = None
    """Other processes that NVML lists on it."""
    sm_percent: float | None = None
    """Of the time in which a kernel of this process ran; mean of NVML's samples. None: NVML does not tell it apart by process."""
    utilization_percent: float | None = None
    """Of the time in which any kernel ran; mean."""
    utilization_least: float | None = None
    utilization_most: float | None = None
    memory_utilization_percent: float | None = None
    """Of the time in which device memory was read or written; mean."""
    memory_utilization_most: float | None = None
    power_watts: float | None = None
    """Median."""
    power_spread_watts: float | None = None
    """The highest less the lowest: work comes in steps, waiting is even."""
    power_limit_watts: float | None = None
    mig: bool | None = None
    samples: int | None = None

    used_bytes: int | None = None
    """That all processes together hold there."""

    @property
    def busy(self) -> float | None:
        """How much of the time the process kept it at work at most, in %. NVML has no sample of a process for moments in which it did nothing,
        so that the mean of those that there are can be too high; the GPU's own figure cannot be less than the process's."""
        known = [percent for percent in (self.sm_percent, self.utilization_percent) if percent is not None]
        return min(known, default=None)


class ProcessGpus(Fact, frozen=True, kw_only=True):
    """What NVML says of the process and of every GPU while it was watched."""

    default_source: ClassVar[str] = "NVML"

    gpus: tuple[ProcessGpu, ...] = ()
    reliable: bool = True
    """False: NVML's list can lack it (a container, WSL, MIG), so that not being listed proves nothing."""
    seconds: float | None = None

    @property
    def used(self) -> tuple[ProcessGpu, ...]:
        """The GPUs on which the process is listed."""
        return tuple(gpu for gpu in self.gpus if gpu.listed)

    @property
    def empty(self) -> bool:
        """Whether no process at all holds memory on any of them, listed or not: CUDA runs in none."""
        return bool(self.gpus) and all(gpu.used_bytes is not None and gpu.used_bytes < CONTEXT for gpu in self.gpus)


class ProcessFrame(Fact, frozen=True, kw_only=True):
    """One Python thread of the process."""

    thread: str
    """Its name."""
    active: bool | None = None
    frames: tuple[str, ...] = ()
    """``function (file.py:12)``, innermost first; 30 at most."""


class ProcessStack(Fact, frozen=True, kw_only=True):
    """Where the process's Python stands, by ``py-spy`` where that is installed; it reads without stopping the process."""

    default_source: ClassVar[str] = "py-spy dump --nonblocking"

    threads: tuple[ProcessFrame, ...] = ()

    @property
    def main(self) -> ProcessFrame | None:
        """The main thread's."""
        return next((thread for thread in self.threads if thread.thread == "MainThread"), None)
