"""The stack on one screen: each component, what torch was compiled for, and what is really there."""

from __future__ import annotations

from typing import NamedTuple

from envdoctor.diagnose.loaded import version_of
from envdoctor.facts import (
    Container,
    CudaDriver,
    DriverLibraries,
    Interpreter,
    KernelModule,
    LoadedLibraries,
    Nvml,
    PciBus,
    Snapshot,
    System,
    TorchInstall,
    TorchRuntime,
)


class Row(NamedTuple):
    """One component. An empty cell does not apply; ``?`` is unknown."""

    component: str
    compiled: str
    found: str
    where: str


def cuda_text(version: int | None) -> str:
    """``13.2`` for 13020; ``?`` for None."""
    return "?" if version is None else f"{version // 1000}.{version % 1000 // 10}"


def stack(snapshot: Snapshot) -> tuple[Row, ...]:
    """The rows, from the bottom up."""
    return (_machine(snapshot), *_gpu(snapshot), *_driver(snapshot), *_python(snapshot), *_libraries(snapshot))


def _machine(snapshot: Snapshot) -> Row:
    system, container = snapshot.get(System), snapshot.get(Container)
    parts = [system.pretty_name or system.distribution or "?"] if system else ["?"]
    where = []
    if system and system.hypervisor not in (None, "none"):
        where.append(f"virtual machine ({system.hypervisor})")
    if system and system.wsl:
        where.append(f"WSL {system.wsl}")
    if container and container.inside:
        where.append(f"container ({container.engine})")
    return Row("machine", "", " ".join(parts), ", ".join(where))


def _gpu(snapshot: Snapshot) -> tuple[Row, ...]:
    nvml, cuda, pci = snapshot.get(Nvml), snapshot.get(CudaDriver), snapshot.get(PciBus)
    devices = [(d.name, d.compute_capability) for d in cuda.devices] if cuda else []
    devices = devices or ([(g.name, g.compute_capability) for g in nvml.gpus if not g.error] if nvml else [])
    if devices:
        name, capability = devices[0]
        found = f"{len(devices)} × {name}" if len(devices) > 1 else str(name)
        return (Row("GPU", "", found, f"compute capability {capability}" if capability else ""),)
    if pci is None:
        return (Row("GPU", "", "?", "the PCI bus could not be read"),)
    gpus = pci.nvidia_gpus
    names = gpus[0].name or f"10de:{gpus[0].device}" if gpus else "none"
    return (Row("GPU", "", f"{len(gpus)} × {names}" if len(gpus) > 1 else names, "on the PCI bus"),)


def _driver(snapshot: Snapshot) -> tuple[Row, ...]:
    module, libraries = snapshot.get(KernelModule), snapshot.get(DriverLibraries)
    cuda, nvml, install = snapshot.get(CudaDriver), snapshot.get(Nvml), snapshot.get(TorchInstall)
    loaded = "?"
    if module is not None and module.loaded is not None:
        loaded = (module.version or "loaded") if module.loaded else "not loaded"
    winner = libraries.winner("libcuda.so.1") if libraries else None
    library, where = "?", ""
    if winner is not None:
        library, where = winner.version or winner.kind or "found", winner.path
    elif libraries is not None:
        library = "none on the loader's path"
    version = (cuda and cuda.driver_version) or (nvml and nvml.cuda_driver_version) or None
    runs = cuda_text(version) if version else "?" if cuda is None and nvml is None else "none"
    flavour = module.flavour or "" if module else ""
    return (
        Row("kernel module", "", loaded, flavour),
        Row("libcuda", "", library, where),
        Row("CUDA of the driver", install.cuda or "" if install else "", runs, _init(cuda)),
    )


def _init(cuda: CudaDriver | None) -> str:
    if cuda is None or cuda.init_code is None:
        return ""
    return "cuInit works" if cuda.init_code == 0 else f"cuInit returns {cuda.init_code} {cuda.init_name or ''}".rstrip()


def _python(snapshot: Snapshot) -> tuple[Row, ...]:
    interpreter, install = snapshot.get(Interpreter), snapshot.get(TorchInstall)
    runtime = snapshot.get(TorchRuntime)
    python = (
        Row("Python", "", interpreter.version or "?", interpreter.path) if interpreter else Row("Python", "", "?", "")
    )
    if install is None and runtime is None:
        return python, Row("torch", "", "?", "")
    version = (runtime and runtime.version) or (install and install.version) or None
    if version is None:
        return python, Row("torch", "", "not installed" if install and install.present is False else "?", "")
    kind = {"cpu": "CPU only", "cuda": f"CUDA {install.cuda if install else ''}", "rocm": "ROCm", "xpu": "XPU"}
    build = install.build if install else None
    return python, Row("torch", kind[build] if build else "?", version, (install and install.location) or "")


_COMPILED = (("CUDA runtime", "cudart"), ("cuDNN", "cudnn"), ("cuBLAS", "cublas"), ("NCCL", "nccl"))


def _libraries(snapshot: Snapshot) -> tuple[Row, ...]:
    runtime, loaded = snapshot.get(TorchRuntime), snapshot.get(LoadedLibraries)
    if runtime is None or not runtime.cuda:
        return ()
    compiled = {"cudart": runtime.cuda, "cudnn": runtime.cudnn_compiled, "nccl": runtime.nccl_compiled}
    rows = []
    for component, name in _COMPILED:
        mapped = loaded.named(name) if loaded else ()
        for library in mapped or (None,):
            found = version_of(library) or "?" if library else "not loaded" if loaded else "?"
            rows.append(
                Row(component, compiled.get(name) or "", found, _whence(library.owner, library.path) if library else "")
            )
    return tuple(rows)


def _whence(owner: str | None, path: str) -> str:
    return path if owner in (None, "unknown", "system") else str(owner)
