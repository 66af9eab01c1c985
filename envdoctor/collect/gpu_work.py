"""Short real work on every visible GPU, in children of the examined interpreter: what is measured, never what it means."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from envdoctor.collect.api import collector
from envdoctor.collect.gpu_load import load_of
from envdoctor.collect.host import CannotLook, ChildResult, Host
from envdoctor.collect.interpreter import choose_interpreter
from envdoctor.collect.said import how_it_ended
from envdoctor.facts import (
    INTERRUPTED,
    CudaDevice,
    CudaDriver,
    DeviceWork,
    Kernel,
    Nvml,
    Rate,
    TorchRuntime,
    TrainingStep,
    Work,
)

KERNELS = (
    *(
        "copy",
        "matmul:bf16",
        "matmul:fp16",
        "matmul:fp32",
        "matmul:tf32",
        "matmul:fp8",
        "transfers",
        "launch",
        "resnet-step",
    ),
    *("nccl-one-rank", "convolution", "attention", "reduction", "elementwise", "fft", "sort", "solve", "sparse-matmul"),
    *("random", "triad", "profile"),
)
"""In the order in which they matter: the last ones are left out first where the budget is short."""
THOROUGH = ("compile", "memory", "load")
SAY_MORE = ("nccl-one-rank", "all-reduce")
"""Kernels whose library says in its log what its error does not."""
TOGETHER = ("all-reduce", "peer-copy")
"""Over all GPUs at once, after each has worked by itself."""
LACKS = ("AttributeError", "ImportError", "ModuleNotFoundError", "TypeError")
"""What a torch raises that is older than a call, or no whole torch."""
LOAD_SECONDS = 60.0
STARTING = 15.0
"""Seconds beyond the budget that a child may take: torch is imported and CUDA started in it."""
NOT_COVERED = (
    "thermal saturation (minutes of load)",
    "memory cells (a memory test takes ten minutes)",
    "rare or intermittent faults",
    "the network between machines",
)


@collector(quick=False, when="not with --pid")
def gpu_work(host: Host, torch_runtime: TorchRuntime, cuda_driver: CudaDriver | None, nvml: Nvml | None) -> Work:
    """Kernels and a training step on every GPU that torch sees, side by side; on the device of ``--device`` where one is named."""
    request = host.request
    if request.budget <= 0:
        raise CannotLook("skipped", "no work was asked for (--budget 0)")
    devices = _devices(request.device, torch_runtime)
    if not devices:
        raise CannotLook("skipped", "torch sees no GPU to work on")
    known = {f"cuda:{device.ordinal}": device for device in cuda_driver.devices} if cuda_driver is not None else {}
    jobs = [Job(host, name, known.get(name), len(devices)) for name in devices]
    with ThreadPoolExecutor(len(jobs)) as pool:
        done = list(pool.map(Job.run, jobs))
    if len(jobs) > 1:
        done[0] = jobs[0].together(done[0])
    return Work(
        devices=tuple(_with_index(work, known.get(work.device), nvml) for work in done),
        budget=request.budget,
        not_covered=NOT_COVERED,
    )


def _devices(wanted: str | None, runtime: TorchRuntime) -> list[str]:
    """What to work on. Raises CannotLook where the device that the user named is not there."""
    imported = runtime.stage("import")
    if imported is None or imported.status != "ok":
        raise CannotLook("skipped", "torch cannot be imported")
    count = (runtime.device_count or 0) if runtime.works else 0
    seen = [f"cuda:{ordinal}" for ordinal in range(count)]
    if wanted is None or wanted == "cuda":
        return seen
    if wanted == "cpu" or wanted in seen:
        return [wanted]
    raise CannotLook("absent", f"torch sees no {wanted} ({count} GPUs)")


def _with_index(work: DeviceWork, device: CudaDevice | None, nvml: Nvml | None) -> DeviceWork:
    """The work with NVML's index of its GPU, which nvidia-smi shows too: torch's ordinal depends on CUDA_VISIBLE_DEVICES."""
    place = pci_address(device.pci_bus_id) if device is not None else None
    index = next(
        (gpu.index for gpu in (nvml.gpus if nvml else ()) if place and pci_address(gpu.pci_bus_id) == place), None
    )
    return msgspec.structs.replace(work, gpu=index)


def pci_address(bus_id: str | None) -> str | None:
    """``0000:01:00.0`` for ``00000000:01:00.0``, ``0000:01:00`` or ``01:00.0``, as sysfs writes it."""
    if not bus_id or bus_id.count(":") < 1:
        return None
    domain, bus, slot = ["0", *bus_id.lower().split(":")][-3:]
    return f"{int(domain, 16):04x}:{bus}:{slot if '.' in slot else slot + '.0'}"


class Job:
    """The work on one device: a child, and another for what is left where one does not come back."""

    def __init__(self, host: Host, device: str, known: CudaDevice | None, gpus: int) -> None:
        self.host, self.device, self.gpus = host, device, gpus
        self.pci = pci_address(known.pci_bus_id) if known is not None else None
        self.python, _ = choose_interpreter(host)
        self.kernels: dict[str, Kernel] = {}
        self.rates: list[Rate] = []
        self.step: TrainingStep | None = None
        self.about: dict[str, Any] = {}
        self.seconds = 0.0

    def run(self) -> DeviceWork:
        """Every kernel on this device by itself."""
        thorough = THOROUGH if self.host.request.thorough else ()
        self.work([*KERNELS, *thorough])
        return self.fact()

    def together(self, alone: DeviceWork) -> DeviceWork:
        """The kernels over all GPUs, noted on the first; its other figures stay those of its own work."""
        before = self.about
        self.about = {}
        self.work(list(TOGETHER))
        self.about = before
        return msgspec.structs.replace(alone, kernels=tuple(self.kernels.values()), rates=tuple(self.rates))

    def work(self, left: list[str]) -> None:
        """Run the kernels of `left`, in as many children as it takes."""
        request, total = self.host.request, len(left)
        budget = request.budget + (LOAD_SECONDS + 60.0 if request.thorough else 0.0)

        def heard(stage: str) -> None:
            done = total - len(left) + (left.index(stage) + 1 if stage in left else 0)
            self.host.note("gpu_work", f"working on {self.device}: {stage}, {done} of {total}")

        while left:
            time_left = self.host.seconds_left() - 1.0
            if time_left < 2.0:
                self.skip(left, "no time was left for it")
                return
            deadline = min(request.probe_seconds, time_left)
            plan = {
                "device": self.device,
                "kernels": left,
                "seconds": max(budget - self.seconds, 0.5),
                "deadline": deadline,
                "start_deadline": min(deadline + STARTING, time_left),
                "gpus": self.gpus,
                "pci": self.pci,
                "link": self.link(),
                "load_seconds": LOAD_SECONDS,
            }
            seconds = min(budget + STARTING + request.probe_seconds, time_left)
            try:
                result = self.host.child(
                    "work.py", (json.dumps(plan),), python=self.python, seconds=seconds, heard=heard
                )
            except CannotLook as error:
                self.skip(left, error.problem.detail)
                return
            self.take(result, deadline)
            rest = [name for name in left if name not in self.kernels]
            if not self.host.interrupted and (
                "start" in self.kernels or "start" in self.about or len(rest) == len(left)
            ):
                self.skip(rest, "the device could not be started")
                return
            left = rest

    def link(self) -> str | None:
        """A name that GPUs below one root port share: their transfers would slow each other. Unknown: all share one."""
        if self.gpus < 2:
            return None
        try:
            way = self.host.resolve(f"/sys/bus/pci/devices/{self.pci}").split("/")
        except OSError:
            way = []
        port = "-".join(way[3:5]) if len(way) > 5 else "all"
        return f"envdoctor-{os.getpid()}-{port}"

    def skip(self, names: Sequence[str], reason: str) -> None:
        for name in names:
            self.kernels.setdefault(name, Kernel(name=name, status="skipped", reason=reason))

    def take(self, result: ChildResult, deadline: float) -> None:
        """Write down what a child said, of which no kernel had more than `deadline` seconds."""
        lines: list[dict[str, Any]] = []
        for line in result.stages:
            if line["event"] == "leave" and line["stage"] == "start":
                self.about.update(line)
            elif line["event"] == "leave":
                self.take_kernel(line, result.stderr)
                self.seconds += line["seconds"]
                lines.append(line)
            elif line["event"] == "fact":
                self.about[line["stage"]] = line
        if "samples" in self.about:
            self.about["load"] = load_of(self.about["samples"]["lines"], lines)
        if "start" in self.about:
            self.not_started(self.about["start"])
        elif result.stage is not None or not result.stages:
            self.lost(result, deadline)

    def take_kernel(self, line: dict[str, Any], stderr: str) -> None:
        name = line["stage"]
        if line.get("status") == "failed" and name in SAY_MORE:
            log = [said for said in stderr.splitlines() if "NCCL" in said][-5:]
            line = {**line, "reason": "\n".join([line.get("reason") or "", *log])}
        self.kernels[name] = msgspec.convert({**line, "name": name}, Kernel, strict=False)
        for said in line.get("results", ()):
            if said["name"] == "resnet-step":
                self.step = msgspec.convert({**said, "images_per_second": said["value"]}, TrainingStep, strict=False)
            self.rates.append(msgspec.convert({"value": 0.0, **said}, Rate, strict=False))

    def not_started(self, said: dict[str, Any]) -> None:
        """What a child said that could not wake the device. A torch that lacks what we call is no fault of the machine."""
        kind = said["error_type"]
        self.kernels["start"] = Kernel(
            name="start",
            status="skipped" if kind in LACKS else "out-of-memory" if "OutOfMemory" in kind else "failed",
            reason=said["failed"],
            error_type=kind,
        )

    def lost(self, result: ChildResult, deadline: float) -> None:
        """The kernel in which a child was lost: this is all that it costs."""
        name = result.stage or "start"
        if self.host.interrupted:
            self.skip([name], INTERRUPTED)
            return
        _, how = how_it_ended(result)
        words = " ".join(result.stderr.split())[-300:]
        hung = result.outcome in ("timeout", "unkillable")
        reason = "it did not come back within its deadline" if hung else how + (f": {words}" if words else "")
        self.seconds += deadline if hung else 0.0
        self.kernels[name] = Kernel(
            name=name,
            status="hung" if hung else "crashed",
            reason=reason,
            signal=result.signal,
            frame=result.frame,
            seconds=deadline if hung else None,
        )

    def fact(self) -> DeviceWork:
        """All of it."""
        about = self.about
        before, after = (about.get("quota", {}).get(key) for key in ("before", "after"))
        load, tenants = about.get("load", (None, ()))
        name = about.get("device_name")
        return DeviceWork(
            device=self.device,
            name=name,
            compute_capability=about.get("compute_capability"),
            multiprocessors=about.get("multiprocessors"),
            memory_free=about.get("memory_free"),
            memory_total=about.get("memory_total"),
            mig=bool(name) and " MIG " in f"{name} ",
            tenants=tuple(_named(self.host, pid) for pid in tenants),
            tf32=about.get("tf32"),
            kernels=tuple(self.kernels.values()),
            rates=tuple(self.rates),
            step=self.step,
            load=load,
            throttled_periods=after[1] - before[1] if before and after else None,
            seconds=round(self.seconds, 2),
        )


def _named(host: Host, pid: int) -> str:
    """``4711 python``; only the number where the process is out of sight (another container's)."""
    try:
        return f"{pid} {host.read(f'/proc/{pid}/comm').strip()}"
    except OSError:
        return str(pid)
