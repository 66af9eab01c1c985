"""nccl.missing"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.loaded import found_nowhere, missing_of
from envdoctor.diagnose.predicates import torch_cuda, torch_version
from envdoctor.diagnose.remedy import torch_wheel
from envdoctor.diagnose.said import confidence_of, pointing_at, quoted
from envdoctor.facts import (
    CudaDriver,
    Interpreter,
    Messages,
    MissingLibraries,
    Nvml,
    System,
    TorchInstall,
    TorchRuntime,
)


@check(
    "nccl.missing",
    fields=("missing_libraries.missing|torch_runtime.nccl_available|messages.messages",),
    explains=("torch.import-fails",),
)
def missing(
    missing_libraries: MissingLibraries | None,
    torch_runtime: TorchRuntime | None,
    messages: Messages | None,
    torch_install: TorchInstall | None,
    interpreter: Interpreter | None,
    system: System | None,
    nvml: Nvml | None,
    cuda_driver: CudaDriver | None,
) -> Iterator[Finding]:
    """NCCL cannot be found, or this torch was built without it.

    What it means:
    torch's Linux builds for CUDA load libnccl.so.2 when they are imported, from the wheel nvidia-nccl-cu… beside torch. Without that
    file `import torch` fails. A torch that was built without NCCL imports, but its processes cannot talk over it.

    How to confirm it by hand:
    `python -c 'import torch.distributed as d; print(d.is_nccl_available())'`; `pip list | grep nccl`; `ldconfig -p | grep libnccl`.

    Ways out:
    Install the NCCL wheel that torch pins. On Windows, and with one GPU, do without: use the gloo backend.

    Often mistaken for:
    A build without CUDA (torch.cpu-only-build), which has no NCCL either. An NCCL that is there and too old (nccl.version-mismatch).
    """
    files = [one for one in missing_of(missing_libraries, "nccl") if one.kind == "library"]
    for one in files:
        yield found_nowhere(one, missing_libraries, interpreter, torch_version(torch_install, torch_runtime))
    if files:
        return
    gpus = max((nvml.device_count or 0) if nvml else 0, (cuda_driver.device_count or 0) if cuda_driver else 0)
    linux = system is None or system.platform in (None, "linux")
    runtime = torch_runtime
    if (
        runtime is not None
        and runtime.nccl_available is False
        and torch_cuda(torch_install, runtime)
        and gpus > 1
        and linux
    ):
        yield Finding(
            title=f"{gpus} GPUs, and torch {torch_version(torch_install, runtime)} was built without NCCL",
            severity="warning",
            detail="Each GPU works alone. Data can go from one to another over gloo only, which is many times slower.",
            evidence=(runtime.says("nccl_available"),),
            fix=(torch_wheel(interpreter, driver_cuda=cuda_driver.driver_version if cuda_driver else None),),
        )
        return
    said = next(iter(pointing_at(messages, "nccl.missing")), None)
    if said is not None and messages is not None and not (runtime is not None and runtime.nccl_available):
        yield Finding(
            title=f"NCCL is not there: {quoted(said, 78)}",
            evidence=(messages.says("messages", said.text),),
            fix=(
                Fix(
                    "Install a torch build for CUDA: those bring NCCL",
                    torch_wheel(interpreter, driver_cuda=None).command,
                ),
            ),
            confidence=confidence_of(said),
        )
