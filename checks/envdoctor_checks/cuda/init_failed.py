"""cuda.init-failed"""

from __future__ import annotations

import re
from collections.abc import Iterator

from envdoctor.diagnose.api import Confidence, Finding, Fix, check
from envdoctor.diagnose.predicates import gpu_seen, in_container, nvml_works, on_wsl, torch_works
from envdoctor.diagnose.said import confidence_of, pointing_at, quoted
from envdoctor.facts import (
    Container,
    CudaDriver,
    KernelLog,
    Messages,
    Nvml,
    PciBus,
    ProbeDeaths,
    System,
    TorchRuntime,
)
from envdoctor.knowledge.codes import cuda_code

TORCHS_CODE = re.compile(r"Error (\d+)\b")
UNKNOWN_ERROR = "CUDA unknown error"
NO_DEVICE, UNKNOWN = 100, 999
BY_CODE = {
    2: Fix("See who holds the GPU's memory", "sudo fuser -v /dev/nvidia*"),
    46: Fix("See who holds the GPU, and its compute mode", "sudo fuser -v /dev/nvidia*; nvidia-smi -q -d COMPUTE"),
    803: Fix(
        "Find the libcuda that is not of the kernel module's version",
        "ldconfig -p | grep libcuda.so.1; cat /proc/driver/nvidia/version",
    ),
}
"""Codes that say what to look for; the others leave a driver that is in a bad state."""


@check(
    "cuda.init-failed",
    fields=("cuda_driver.init_code|probe_deaths.deaths|torch_runtime.stages|messages.messages",),
)
def init_failed(
    cuda_driver: CudaDriver | None,
    probe_deaths: ProbeDeaths | None,
    torch_runtime: TorchRuntime | None,
    messages: Messages | None,
    nvml: Nvml | None,
    pci_bus: PciBus | None,
    kernel_log: KernelLog | None,
    system: System | None,
    container: Container | None,
) -> Iterator[Finding]:
    """CUDA cannot be initialised, and nothing more specific says why.

    What it means:
    Before anything else every CUDA program calls cuInit, which opens the driver. It returned an error, or the process died in it. Where
    another finding explains the code (module not loaded, nodes missing, two driver versions …) this one is its echo. What is left is
    mostly a driver in a bad state: nvidia_uvm after suspend and resume, a GPU that needs a reset, a half-finished installation.

    How to confirm it by hand:
    `python3 -c 'import ctypes; print(ctypes.CDLL("libcuda.so.1").cuInit(0))'` prints the code without torch;
    `sudo dmesg | grep -iE 'nvrm|xid'` shows what the kernel module says.

    Ways out:
    Reload nvidia_uvm (after a suspend that is the remedy); restart the machine; reinstall the driver if the code stays. In a container:
    start it again, and try CUDA on the host first.

    Often mistaken for:
    A torch that does not fit the driver (cuda.driver-too-old), which cuInit does not mind. CUDA_VISIBLE_DEVICES that hides every GPU
    gives code 100 too (env.visible-devices).
    """
    if torch_works(torch_runtime):
        return
    death = probe_deaths.within("cuda_driver") if probe_deaths is not None else None
    if probe_deaths is not None and death is not None and death.kind == "crashed":
        yield Finding(
            title=death.detail,
            detail="The driver's own library ended the process: every CUDA program here dies the same way.",
            evidence=(
                probe_deaths.says("deaths", death.detail),
                *((nvml.says("init_code", f"{nvml.init_code} (NVML works)"),) if nvml and nvml_works(nvml) else ()),
            ),
            fix=_ways_out(system, container),
        )
        return
    code, name = _code(cuda_driver, torch_runtime)
    if code is not None and cuda_driver is not None:
        if not _speaks_for_itself(code, cuda_driver, gpu_seen(pci_bus, nvml, cuda_driver)):
            fix = (BY_CODE[code],) if code in BY_CODE else _ways_out(system, container)
            yield _finding(code, name, cuda_driver, torch_runtime, nvml, kernel_log, fix)
        return
    said = next(iter(pointing_at(messages, "cuda.init-failed")), None)
    if cuda_driver is None and messages is not None and said is not None:
        yield Finding(
            title=f"CUDA was not initialised: {quoted(said, 70)}",
            evidence=(messages.says("messages", said.text),),
            fix=_ways_out(system, container),
            confidence=confidence_of(said),
        )


def _code(cuda: CudaDriver | None, runtime: TorchRuntime | None) -> tuple[int | None, str | None]:
    """The code that cuInit returned; else, where it was well, the one that torch's own start ended with, if that is of this kind."""
    if cuda is not None and cuda.init_code:
        return cuda.init_code, cuda.init_name
    stage = runtime.stage("cuda-init") if runtime is not None else None
    text = (stage.error if stage is not None and stage.status == "failed" else None) or ""
    match = TORCHS_CODE.search(text)
    code = UNKNOWN if UNKNOWN_ERROR in text else int(match[1]) if match else None
    row = cuda_code(code) if code is not None else None
    return (code, row.name) if row is not None and row.cause == "cuda.init-failed" else (None, None)


def _speaks_for_itself(code: int, cuda: CudaDriver, seen: bool | None) -> bool:
    """Code 100 where nobody sees a GPU, or where only CUDA_VISIBLE_DEVICES hides it: other checks have the word."""
    return cuda.unmasked_init_code == 0 or (code == NO_DEVICE and not seen)


def _finding(
    code: int,
    name: str | None,
    cuda: CudaDriver,
    runtime: TorchRuntime | None,
    nvml: Nvml | None,
    log: KernelLog | None,
    fix: tuple[Fix, ...],
) -> Finding:
    row = cuda_code(code)
    name = name or (row.name if row is not None else None)
    called = f"{code} ({name})" if name else str(code)
    whose = f" from {cuda.library}" if cuda.library else ""
    by_cuinit = bool(cuda.init_code)
    title = (
        f"cuInit returned {called}{whose}" if by_cuinit else f"cuInit succeeds; torch's own start ends with {called}"
    )
    fine = (
        f" NVML works and sees {nvml.device_count} GPU{'' if nvml.device_count == 1 else 's'}."
        if nvml is not None and nvml_works(nvml)
        else ""
    )
    if nvml is not None and nvml.init_code:
        fine = f" NVML fails too, with code {nvml.init_code}."
    lines = log.matching("NVRM", "nvidia-uvm", "Xid")[-3:] if log is not None else ()
    sure: Confidence = "certain" if by_cuinit and code != NO_DEVICE else "likely"
    return Finding(
        title=title,
        detail=f"No CUDA program can start on this machine.{fine}",
        evidence=(
            cuda.says("init_code", called),
            *((cuda.says("library"),) if cuda.library else ()),
            *((nvml.says("init_code"),) if nvml is not None and nvml.init_code is not None else ()),
            *((stage.says("error"),) if runtime is not None and (stage := runtime.stage("cuda-init")) else ()),
            *(log.says("lines", line) for line in lines if log is not None),
        ),
        fix=fix,
        confidence=sure,
    )


def _ways_out(system: System | None, container: Container | None) -> tuple[Fix, ...]:
    if in_container(container):
        return (
            Fix("Start the container again; if CUDA fails on the host too, mend it there"),
            Fix("See what the kernel module says, on the host", "sudo dmesg | grep -iE 'nvrm|xid'"),
        )
    if on_wsl(system):
        return (Fix("Restart WSL from Windows", "wsl --shutdown"),)
    return (
        Fix(
            "Reload the driver's memory module (close what uses the GPU first)",
            "sudo modprobe -r nvidia_uvm && sudo modprobe nvidia_uvm",
        ),
        Fix("If the code stays, restart the machine", "sudo reboot"),
    )
