"""What to ask for next where a report leaves the verdict open: the one command whose output decides between the causes that remain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple

from envdoctor.diagnose.verdict import Verdict
from envdoctor.facts import (
    Container,
    DeviceNodes,
    Environment,
    KernelLog,
    Messages,
    Nvml,
    Packages,
    PciBus,
    Reading,
    Resources,
    Snapshot,
    System,
    TorchInstall,
    TorchRuntime,
)
from envdoctor.knowledge.messages import message

ALL = "envdoctor snapshot -o snapshot.json"
"""The last resort: it asks for an installation, and tells everything."""
DUMP = "python -m torch.utils.collect_env"
TABLE = "nvidia-smi"
TORCH = 'python -c "import torch; print(torch.__version__, torch.version.cuda, torch.cuda.is_available())"'
PLACES = "which -a python pip; python -m pip show torch"
NODES = "ls -l /dev/nvidia*"
LOG = "sudo dmesg | grep -iE 'nvrm|xid|nouveau'"


class Question(NamedTuple):
    """A command, and when it is worth asking."""

    command: str
    decides: tuple[str, ...]
    """Causes that its output confirms or rules out, as patterns."""
    answered: Callable[[Snapshot], bool]
    """Whether the report has its output already."""
    apt: Callable[[Snapshot], bool] = lambda _: True
    """Whether it can be asked on such a machine."""


def _has_table(snapshot: Snapshot) -> bool:
    nvml = snapshot.get(Nvml)
    return nvml is not None and (nvml.init_code is not None or (nvml.driver_version is not None and bool(nvml.gpus)))


def _has_torch(snapshot: Snapshot) -> bool:
    install, runtime = snapshot.get(TorchInstall), snapshot.get(TorchRuntime)
    known = install is not None and install.version is not None and install.cuda is not None
    return known and runtime is not None and runtime.cuda_available is not None


def _has_variables(snapshot: Snapshot) -> bool:
    environment = snapshot.get(Environment)
    return environment is not None and environment.get("CUDA_VISIBLE_DEVICES") is not None


def _wsl(snapshot: Snapshot) -> bool:
    system = snapshot.get(System)
    return system is not None and bool(system.wsl)


def _plain_linux(snapshot: Snapshot) -> bool:
    system = snapshot.get(System)
    return system is None or (not system.wsl and system.platform in (None, "linux"))


def _in_container(snapshot: Snapshot) -> bool:
    container = snapshot.get(Container)
    return container is not None and container.engine not in (None, "none")


def _never(_: Snapshot) -> bool:
    return False


def _knows(*kinds: type[DeviceNodes | KernelLog | PciBus | Packages | Resources]) -> Callable[[Snapshot], bool]:
    return lambda snapshot: any(snapshot.get(kind) is not None for kind in kinds)


QUESTIONS = (
    Question("ls -l /dev/dxg /usr/lib/wsl/lib; ldconfig -p | grep libcuda.so.1", ("wsl.driver",), _never, _wsl),
    Question("nvidia-smi -L", ("env.visible-devices", "driver.mig-no-instance"), _has_table, _has_variables),
    Question(PLACES, ("torch.not-installed", "python.wrong-interpreter"), _never),
    Question(
        TABLE,
        (
            *("driver.not-installed", "driver.version-mismatch", "driver.module-not-loaded", "driver.gpu-lost"),
            *("driver.compute-mode", "driver.mig-no-instance", "driver.gpu-not-supported", "hardware.no-gpu"),
            *("gpu.memory-full", "gpu.busy", "cuda.driver-too-old", "cuda.compat-conflict", "wsl.driver"),
            *("container.gpu-not-passed", "torch.arch-not-supported"),
        ),
        _has_table,
    ),
    Question(
        TORCH,
        (
            *("torch.cpu-only-build", "torch.wrong-vendor-build", "torch.arch-not-supported"),
            *("code.not-on-gpu", "compute.cpu-fallback", "cuda.driver-too-old", "cuda.toolkit-mismatch"),
        ),
        _has_torch,
    ),
    Question(
        "pip list | grep -iE 'torch|nvidia|tensorflow|jax|onnx|flash|xformers'",
        (
            *("torch.companion-mismatch", "torch.extension-abi-mismatch", "torch.pinned-libs-mismatch"),
            *("torch.import-fails", "torch.duplicate-installs", "torch.cpu-only-build", "cuda.library-missing"),
            *("cuda.multiple-runtimes", "cudnn.*", "nccl.missing", "nccl.version-mismatch", "framework.fallback"),
        ),
        _knows(Packages),
    ),
    Question(
        "lspci -nnk -d 10de:",
        (
            *("hardware.*", "vm.no-passthrough", "driver.nouveau-loaded", "driver.not-installed"),
            *("driver.module-not-loaded", "driver.gpu-not-supported"),
        ),
        _knows(PciBus),
        _plain_linux,
    ),
    Question(
        NODES,
        (
            *("driver.device-nodes-missing", "driver.device-permission", "container.devices-lost"),
            *("container.gpu-not-passed", "cuda.init-failed", "driver.module-not-loaded"),
        ),
        _knows(DeviceNodes),
        _plain_linux,
    ),
    Question(
        LOG,
        (
            *("gpu.xid-errors", "gpu.ecc-errors", "driver.gpu-lost", "driver.gpu-not-supported", "driver.hung"),
            *("hardware.pci-bar-unassigned", "driver.module-not-loaded", "cuda.init-failed"),
        ),
        _knows(KernelLog),
        _plain_linux,
    ),
    Question(
        "env | grep -E 'CUDA|NVIDIA|LD_LIBRARY'",
        ("env.*", "container.capabilities-missing", "cuda.library-shadowed", "cudnn.version-mismatch"),
        _has_variables,
    ),
    Question("nvidia-smi -q", ("vm.vgpu-unlicensed", "gpu.*"), _never),
    Question("nvcc --version; echo $CUDA_HOME", ("cuda.toolkit-*",), _never),
    Question("df -h /dev/shm", ("container.shm-too-small",), _knows(Resources)),
    Question("the same program with NCCL_DEBUG=INFO", ("nccl.transport",), _never),
)
"""Of those that decide equally much the first is asked."""


def asks(snapshot: Snapshot, verdict: Verdict) -> tuple[str, ...]:
    """The most telling command; none where the report decides, or is no report."""
    if snapshot.source.kind != "text" or (verdict.cause is not None and verdict.confidence != "possible"):
        return ()
    if verdict.status == "ok":
        return ()
    remaining = tuple(dict.fromkeys(_remaining(snapshot, verdict)))
    open_ones = [q for q in QUESTIONS if not q.answered(snapshot) and q.apt(snapshot)]
    best = max(open_ones, key=lambda question: _decided(question, remaining), default=None)
    if best is not None and _decided(best, remaining):
        return (best.command,)
    return (next(_by_layer(snapshot), ALL),)


def _remaining(snapshot: Snapshot, verdict: Verdict) -> Iterator[str]:
    """The causes that the report leaves possible: what the verdict names, and what its messages can stand for besides."""
    yield from (verdict.cause,) if verdict.cause is not None else ()
    yield from verdict.also
    messages = snapshot.get(Messages)
    for said in messages.messages if messages is not None else ():
        row = message(said.key)
        if row is not None and row.specificity == "ambiguous":
            yield from (row.cause,) if row.cause is not None else ()
            yield from row.also
    if _has_variables(snapshot):
        yield "env.visible-devices"


def _decided(question: Question, remaining: tuple[str, ...]) -> int:
    return sum(any(fnmatchcase(cause, pattern) for pattern in question.decides) for cause in remaining)


def _by_layer(snapshot: Snapshot) -> Iterator[str]:
    """Where nothing points anywhere: what is not known of the driver and of torch, then of the kernel."""
    torch, table = _has_torch(snapshot), _has_table(snapshot)
    reading = snapshot.get(Reading)
    if not table and not torch and (reading is None or not {"torch.utils.collect_env"} & set(reading.recognised)):
        yield DUMP
    if not table:
        yield TABLE
    if not torch:
        yield TORCH
    runtime = snapshot.get(TorchRuntime)
    if runtime is not None and runtime.cuda_available is False and not _in_container(snapshot):
        yield from (
            question.command
            for question in QUESTIONS
            if question.command in (NODES, LOG) and not question.answered(snapshot) and question.apt(snapshot)
        )
