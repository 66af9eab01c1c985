"""Ask NVML, in a child that envdoctor's own interpreter runs, what one process does on every GPU, for some seconds."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

STEP = 0.1
"""Seconds between two samples."""


def _nvml_child() -> Any:
    """The script that asks NVML of the machine, by its path: this one must not import the engine either."""
    path = Path(__file__).resolve().with_name("nvml_child.py")
    spec = importlib.util.spec_from_file_location("nvml_child", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Gpu:
    """One GPU, from the first sample to the last."""

    def __init__(self, asks: Any, lists: Iterable[str], index: int, pids: list[int]) -> None:
        """`asks` is the NVML child's reader, `lists` the functions that list processes."""
        self.nvml, self.ask, self.lists = asks.nvml, asks.ask, lists
        self.index, self.pids = index, pids
        self.handle = self.ask("nvmlDeviceGetHandleByIndex", index)
        self.since = time.time_ns() // 1000
        self.samples: list[tuple[int, int, float | None]] = []
        self.own: dict[int, int] = {}

    def sample(self) -> None:
        """Utilisation of the GPU and of its memory in %, and power in W."""
        rates = self.ask("nvmlDeviceGetUtilizationRates", self.handle)
        power = self.ask("nvmlDeviceGetPowerUsage", self.handle)
        if rates is not None:
            self.samples.append((rates.gpu, rates.memory, None if power is None else power / 1000))
        found = self.ask("nvmlDeviceGetProcessUtilization", self.handle, self.since)
        for used in found or ():
            if used.pid in self.pids and used.timeStamp > self.since:
                self.own[used.timeStamp] = used.smUtil

    def told(self) -> dict[str, Any]:
        """All of it; a list of processes that cannot be had is None."""
        limit = self.ask("nvmlDeviceGetPowerManagementLimit", self.handle)
        mode = self.ask("nvmlDeviceGetMigMode", self.handle)
        running = self._running(bool(mode and mode[0]))
        return {
            "index": self.index,
            "name": self.ask("nvmlDeviceGetName", self.handle),
            "samples": self.samples,
            "own": sorted(self.own.items()),
            "used": self._used(),
            "power_limit": None if limit is None else limit / 1000,
            "mig": bool(mode and mode[0]),
            "running": running,
        }

    def _used(self) -> int | None:
        """Without what the driver itself reserves, which only the second version of the call tells apart."""
        version = getattr(self.nvml, "nvmlMemory_v2", None)
        memory = self.ask("nvmlDeviceGetMemoryInfo", self.handle, version) if version is not None else None
        return None if memory is None else memory.used

    def _running(self, mig: bool) -> list[tuple[int, int | None]] | None:
        handles = [self.handle]
        for number in range((self.ask("nvmlDeviceGetMaxMigDeviceCount", self.handle) or 0) if mig else 0):
            slice_ = self.ask("nvmlDeviceGetMigDeviceHandleByIndex", self.handle, number)
            handles += [slice_] if slice_ is not None else []
        found: dict[int, int | None] = {}
        answered = False
        for handle in handles:
            for function in self.lists:
                processes = self.ask(function, handle)
                answered = answered or processes is not None
                for process in processes or ():
                    found[process.pid] = process.usedGpuMemory
        return sorted(found.items()) if answered else None


def main() -> None:
    """Arguments: the process's numbers (as JSON), and the seconds."""
    pids, seconds = json.loads(sys.argv[1]), float(sys.argv[2])
    child = _nvml_child()
    channel = child.beside("..", "inside", "channel.py")
    channel.enter("import")
    import pynvml

    channel.leave("import")
    channel.enter("init")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        channel.leave("init", code=error.value, error=str(error))
        return
    channel.leave("init", code=0)
    channel.enter("watch")
    asks, lists = child.Reader(pynvml), child.PROCESSES.values()
    gpus = [gpu for index in range(pynvml.nvmlDeviceGetCount()) if (gpu := Gpu(asks, lists, index, pids)).handle]
    begun = time.monotonic()
    while True:
        for gpu in gpus:
            gpu.sample()
        left = begun + seconds - time.monotonic()
        if left <= 0:
            break
        time.sleep(min(STEP, left))
    channel.leave("watch", gpus=[gpu.told() for gpu in gpus], seconds=time.monotonic() - begun)


if __name__ == "__main__":
    main()
    # Not through exit handlers: what a driver tears down there can hang.
    os._exit(0)
