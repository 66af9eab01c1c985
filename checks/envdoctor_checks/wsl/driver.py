"""wsl.driver"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.in_context import NO_NODES
from envdoctor.diagnose.predicates import cuda_works, in_container
from envdoctor.diagnose.said import quoted
from envdoctor.facts import (
    Container,
    CudaDriver,
    DeviceNodes,
    DriverLibraries,
    DriverLibrary,
    Environment,
    Message,
    Messages,
    System,
    TorchRuntime,
)
from envdoctor.knowledge.messages import message

ECHOES = (
    "driver.*",
    "hardware.no-gpu",
    "cuda.init-failed",
    "cuda.driver-too-old",
    "cuda.compat-conflict",
    "container.gpu-not-passed",
)
NO_DEVICE = 100
SAID = (
    *("nvidia-smi-cannot-communicate", "nvidia-smi-no-nvml-library", "nvidia-smi-no-devices", "torch-no-nvidia-driver"),
    *("library-missing-libcuda-1", "library-missing-nvml", "cuda-no-device", "nvidia-smi-cuda-err"),
    *("cuda-error-no-device", "cuda-driver-version-none", "windows-without-wsl-gpu", "cuda-device-busy-old"),
    *("nvml-version-mismatch", "nvml-any-version-mismatch", "tensorflow-kernel-driver-not-running"),
    *("torch-cuda-unknown-error", "nvidia-smi-crashed", "wsl-nvml-not-supported"),
    "nvidia-smi-cannot-communicate-any",
)
"""What programs say that find no driver, or no GPU behind it: inside WSL Windows' driver is meant."""
NO_DRIVER = ("driver.not-installed", "driver.module-not-loaded")
"""Causes of messages that mean the same inside WSL."""
WINDOWS_DRIVER = Fix("Install the current NVIDIA driver on Windows, then restart WSL from there", "wsl --shutdown")


@check("wsl.driver", fields=("system.wsl",), explains=ECHOES)
def driver(
    system: System,
    driver_libraries: DriverLibraries | None,
    device_nodes: DeviceNodes | None,
    cuda_driver: CudaDriver | None,
    torch_runtime: TorchRuntime | None,
    container: Container | None,
    messages: Messages | None,
    environment: Environment | None,
) -> Iterator[Finding]:
    """Under WSL, the driver's library is not the one that Windows shares, or Windows shares none.

    What it means:
    Under WSL 2 the driver lives in Windows. Windows shares its libcuda in /usr/lib/wsl/lib and the GPU as /dev/dxg. A Linux driver
    installed inside hides that library with one that has no kernel module to talk to; WSL 1 has no GPU at all.

    How to confirm it by hand:
    `ls -l /dev/dxg /usr/lib/wsl/lib/libcuda.so.1` and `ldconfig -p | grep libcuda.so.1`: the first line of the latter must be the one
    in /usr/lib/wsl/lib.

    Ways out:
    Remove the Linux driver from inside WSL; install or update the NVIDIA driver on Windows; turn WSL 1 into WSL 2
    (`wsl --set-version <distribution> 2`).

    Often mistaken for:
    A driver that must be installed in Linux: inside WSL none must be.
    """
    if not system.wsl or cuda_works(cuda_driver, torch_runtime) or _available(torch_runtime):
        return
    if system.wsl == 1:
        yield Finding(
            title=f"This is WSL 1 (kernel {system.kernel}); the GPU exists in WSL 2 only",
            evidence=(system.says("kernel"),),
            fix=(Fix("Convert this distribution to WSL 2, from Windows", "wsl --set-version <distribution> 2"),),
        )
        return
    masked = environment is not None and environment.get("CUDA_VISIBLE_DEVICES") is not None
    heard = SAID if masked else (*SAID, "torch-no-gpus-available")
    winner = driver_libraries.winner("libcuda.so.1") if driver_libraries is not None else None
    dxg = device_nodes.node("/dev/dxg") if device_nodes is not None else None
    if driver_libraries is not None and winner is not None and winner.kind == "driver":
        yield _linux_driver(winner, driver_libraries, cuda_driver)
    elif messages is not None and (blocked := messages.has("nvml-blocked-by-os")) is not None:
        yield Finding(
            title="WSL: NVML says that the operating system blocks access to the GPU (code 17)",
            evidence=(messages.says("messages", blocked.text),),
            fix=(WINDOWS_DRIVER,),
            confidence="likely",
        )
    elif (
        driver_libraries is None
        and cuda_driver is None
        and not in_container(container)
        and (said := _heard(messages, heard)) is not None
    ):
        yield Finding(
            title=quoted(said, 80) + " (inside WSL)",
            detail="Inside WSL the driver is Windows' own; a Linux driver installed there hides it.",
            evidence=(system.says("wsl"), *((messages.says("messages", said.text),) if messages is not None else ())),
            fix=(
                WINDOWS_DRIVER,
                Fix("Look which libcuda is found, and whether Windows shares one", "ls -l /dev/dxg /usr/lib/wsl/lib"),
            ),
            confidence="likely",
        )
    elif winner is None and driver_libraries is not None and not in_container(container):
        yield _nothing_shared(driver_libraries, dxg is not None and dxg.exists is True)
    elif dxg is not None and dxg.error == "EACCES":
        return  # this user may not open it: driver.device-permission
    elif cuda_driver is not None and cuda_driver.init_code == NO_DEVICE and cuda_driver.unmasked_init_code != 0:
        yield _no_device(cuda_driver, dxg is not None and dxg.exists is True)


def _heard(messages: Messages | None, keys: tuple[str, ...]) -> Message | None:
    """What a report says of a driver that is not there."""
    if messages is None:
        return None
    known = next((said for key in keys if (said := messages.has(key)) is not None), None)
    rows = ((said, message(said.key)) for said in messages.messages if said.key not in NO_NODES)  # WSL has none
    return known or next((said for said, row in rows if row is not None and row.cause in NO_DRIVER), None)


def _available(runtime: TorchRuntime | None) -> bool:
    return runtime is not None and runtime.cuda_available is True


def _linux_driver(winner: DriverLibrary, libraries: DriverLibraries, cuda: CudaDriver | None) -> Finding:
    code = f"; cuInit returns {cuda.init_code}" if cuda is not None and cuda.init_code is not None else ""
    return Finding(
        title=f"WSL loads a Linux driver's libcuda{f' {winner.version}' if winner.version else ''}, not Windows' own{code}",
        detail="A Linux driver has no kernel module to talk to inside WSL. Windows' own library lies in /usr/lib/wsl/lib.",
        evidence=(
            winner.says("path"),
            *((cuda.says("init_code"),) if cuda is not None else ()),
            *(libraries.says("copies", copy.path) for copy in libraries.copies if copy.kind == "wsl"),
        ),
        fix=(
            Fix(
                "Remove the Linux driver from this distribution",
                "sudo apt purge 'nvidia-*' 'libnvidia-*' && sudo ldconfig",
            ),
            WINDOWS_DRIVER,
        ),
    )


def _no_device(cuda: CudaDriver, dxg: bool) -> Finding:
    what = "/dev/dxg is there" if dxg else "/dev/dxg is absent"
    return Finding(
        title=f"WSL: Windows' libcuda finds no GPU (cuInit returns {cuda.init_code}), and {what}",
        detail="Windows has no NVIDIA GPU that works, or does not share it with this distribution.",
        evidence=(cuda.says("library"), cuda.says("init_code")),
        fix=(WINDOWS_DRIVER, Fix("Look whether Windows itself sees the GPU", "nvidia-smi.exe")),
        confidence="likely",
    )


def _nothing_shared(libraries: DriverLibraries, dxg: bool) -> Finding:
    shared = any(copy.kind == "wsl" for copy in libraries.copies)
    if shared:
        return Finding(
            title="WSL: /usr/lib/wsl/lib/libcuda.so.1 is there, and the loader's path does not lead to it",
            evidence=tuple(libraries.says("copies", copy.path) for copy in libraries.copies if copy.kind == "wsl"),
            fix=(
                Fix(
                    "Add the folder to the loader's path",
                    "echo /usr/lib/wsl/lib | sudo tee /etc/ld.so.conf.d/ld.wsl.conf && sudo ldconfig",
                ),
            ),
        )
    what = "/dev/dxg is there" if dxg else "/dev/dxg is absent"
    return Finding(
        title=f"WSL: Windows shares no libcuda in /usr/lib/wsl/lib, and {what}",
        detail="The NVIDIA driver on Windows is missing or too old for WSL.",
        evidence=(libraries.says("copies", "no libcuda.so.1 on the loader's path, none in /usr/lib/wsl/lib"),),
        fix=(WINDOWS_DRIVER,),
    )
