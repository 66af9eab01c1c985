"""What NVML says of a running process, and of every GPU while it was watched."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from typing import Any

from envdoctor.collect.api import collector
from envdoctor.collect.host import CannotLook, Host
from envdoctor.collect.proc import status_of
from envdoctor.collect.said import died, said
from envdoctor.facts import Container, ProcessGpu, ProcessGpus, System

CALLS = {"import": "import pynvml", "init": "nvmlInit", "watch": "NVML (processes and utilisation)"}

NO_LIBRARY = 12
"""NVML_ERROR_LIBRARY_NOT_FOUND, which pynvml itself raises."""


@collector(when="with --pid")
def process_gpus(host: Host, container: Container | None, system: System | None) -> ProcessGpus:
    """Memory and kernel time by process, and utilisation and power of every GPU, some ten samples a second, in a child."""
    from envdoctor.collect import process_gpus_child

    pid, seconds = host.request.pid, host.request.watch_seconds
    assert pid is not None
    numbers = [pid, *(int(word) for word in status_of(host, pid).get("NSpid", "").split() if word.isdigit())]
    result = host.child(
        str(process_gpus_child.__file__),
        (json.dumps(sorted(set(numbers))), str(seconds)),
        seconds=seconds + host.request.probe_seconds,
    )
    init, watched = said(result, "init"), said(result, "watch")
    if init is not None and init["code"] != 0:
        raise CannotLook("absent" if init["code"] == NO_LIBRARY else "failed", f"nvmlInit says: {init['error']}")
    if watched is None:
        raise died(result, CALLS, "the NVML child")
    gpus = tuple(_gpu(told, numbers) for told in watched["gpus"])
    # In a container NVML shows the processes of nobody, or by numbers that are not ours; under WSL it shows none.
    inside = container is None or container.inside is not False
    wsl = system is not None and bool(system.wsl)
    listable = all(gpu.listed is not None and not gpu.mig for gpu in gpus)
    return ProcessGpus(gpus=gpus, reliable=listable and not inside and not wsl, seconds=round(watched["seconds"], 2))


def _mean(numbers: Sequence[int]) -> float | None:
    return round(statistics.fmean(numbers), 1) if numbers else None


def _gpu(told: dict[str, Any], numbers: Sequence[int]) -> ProcessGpu:
    running, samples = told["running"], told["samples"]
    own = [percent for _, percent in told["own"]]
    listed = None if running is None else [pid for pid, _ in running if pid in numbers]
    memory = [used for pid, used in running or () if pid in numbers and used is not None]
    powers = [power for *_, power in samples if power is not None]
    return ProcessGpu(
        index=told["index"],
        name=told["name"],
        listed=None if listed is None else bool(listed),
        pids=tuple(pid for pid, _ in running or ())[:64],
        memory_bytes=max(memory, default=None),
        others=None if running is None else len(running) - len(listed or ()),
        sm_percent=_mean(own),
        utilization_percent=_mean([sample[0] for sample in samples]),
        utilization_least=min((sample[0] for sample in samples), default=None),
        utilization_most=max((sample[0] for sample in samples), default=None),
        memory_utilization_percent=_mean([sample[1] for sample in samples]),
        memory_utilization_most=max((sample[1] for sample in samples), default=None),
        power_spread_watts=round(max(powers) - min(powers), 1) if powers else None,
        power_watts=round(statistics.median(powers), 1) if powers else None,
        power_limit_watts=told["power_limit"],
        used_bytes=told["used"],
        mig=told["mig"],
        samples=len(samples),
        sources={
            "listed": "nvmlDeviceGetComputeRunningProcesses",
            "memory_bytes": "nvmlDeviceGetComputeRunningProcesses",
            "sm_percent": "nvmlDeviceGetProcessUtilization",
            "utilization_percent": f"nvmlDeviceGetUtilizationRates, mean of {len(samples)}",
            "power_watts": "nvmlDeviceGetPowerUsage",
        },
    )
