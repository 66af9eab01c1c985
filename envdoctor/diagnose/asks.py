"""What to ask for next where a report leaves the verdict open: the one command whose output would tell most."""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.verdict import Verdict
from envdoctor.facts import CudaDriver, KernelModule, Messages, Nvml, Reading, Snapshot, TorchInstall, TorchRuntime

DUMP = "python -m torch.utils.collect_env"
TABLE = "nvidia-smi"
START = "python -c 'import torch; torch.cuda.init()'"
NODES = "ls -l /dev/nvidia*; lsmod | grep nvidia; cat /proc/driver/nvidia/version"
LOG = "sudo dmesg | grep -iE 'nvrm|xid|nouveau'"
ALL = "envdoctor snapshot -o snapshot.json"


def asks(snapshot: Snapshot, verdict: Verdict) -> tuple[str, ...]:
    """Commands, the most telling first, two at most; none where the report decides, or is no report."""
    if snapshot.source.kind != "text" or (verdict.cause is not None and verdict.confidence != "possible"):
        return ()
    if verdict.status == "ok":
        return ()
    return (*list(_commands(snapshot))[:1], ALL)


def _commands(snapshot: Snapshot) -> Iterator[str]:
    reading, messages = snapshot.get(Reading), snapshot.get(Messages)
    if reading is not None and not reading.recognised and (messages is None or not messages.messages):
        yield DUMP
    install, runtime, nvml = snapshot.get(TorchInstall), snapshot.get(TorchRuntime), snapshot.get(Nvml)
    if nvml is None or nvml.driver_version is None:
        yield TABLE
    if install is None or install.version is None:
        yield DUMP
    if runtime is None or runtime.cuda_available is False:
        yield START
    if snapshot.get(KernelModule) is None or snapshot.get(CudaDriver) is None:
        yield NODES
    yield LOG
