"""cuda.compat-conflict"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.loaded import out_of_the_way, parts, short
from envdoctor.diagnose.predicates import cuda_works, driver_version, in_container, library_version, torch_cuda
from envdoctor.diagnose.said import confidence_of, pointing_at, quoted
from envdoctor.facts import (
    Container,
    CudaDriver,
    DriverLibraries,
    DriverLibrary,
    Environment,
    KernelModule,
    Message,
    Messages,
    Nvml,
    TorchInstall,
    TorchRuntime,
)
from envdoctor.knowledge import drivers
from envdoctor.knowledge.messages import message

NOT_SUPPORTED_ON_DEVICE = 804
NVML_LIB_RM_VERSION_MISMATCH = 18
MISMATCH = (
    "cuda-system-driver-mismatch",
    "torch-error-803",
    "cuda-name-cuda-error-system-driver",
    "cuda-name-cudaerrorsystemdriver",
)
FAILURES = ("cuda.init-failed", "hardware.no-gpu", "driver.version-mismatch", "cuda.compat-conflict")
REASONS = {
    803: "The compat library was not made for this driver.",
    NOT_SUPPORTED_ON_DEVICE: "This card does not support forward compatibility.",
}


@check(
    "cuda.compat-conflict",
    fields=("cuda_driver.init_code|messages.messages",),
    explains=("cuda.init-failed", "cuda.driver-too-old", "driver.version-mismatch"),
)
def compat_conflict(
    cuda_driver: CudaDriver | None,
    driver_libraries: DriverLibraries | None,
    nvml: Nvml | None,
    kernel_module: KernelModule | None,
    environment: Environment | None,
    container: Container | None,
    messages: Messages | None,
    torch_runtime: TorchRuntime | None,
    torch_install: TorchInstall | None,
) -> Iterator[Finding]:
    """A cuda-compat package's libcuda is loaded where forward compatibility does not work.

    What it means:
    cuda-compat lets a newer CUDA run on an older driver: a newer libcuda over the old kernel module. NVIDIA allows that on data-center GPUs
    and with certain driver branches only. On a GeForce cuInit returns 804; with a kernel module that it was not made for, as new as
    itself or newer too, 803. Many container images have it in /usr/local/cuda/compat, and some put it on the loader's path.

    How to confirm it by hand:
    `ldconfig -p | grep libcuda.so.1` and `echo $LD_LIBRARY_PATH` show whether a compat folder comes first;
    `cat /proc/driver/nvidia/version` is the kernel module's version.

    Ways out:
    Take the compat folder out of LD_LIBRARY_PATH or of /etc/ld.so.conf.d, so that the driver's own libcuda is loaded. If the driver is
    really too old for the image: update the driver, or take an image of an older CUDA.

    Often mistaken for:
    A driver that was upgraded without a restart (driver.version-mismatch), which gives 803 too: then no compat library is loaded.
    """
    if cuda_works(cuda_driver, torch_runtime):
        return
    copy = _compat(cuda_driver, driver_libraries)
    code = cuda_driver.init_code if cuda_driver is not None else None
    driver = driver_version(nvml, kernel_module)
    if copy is not None and code in REASONS:
        yield Finding(
            title=_title(copy, driver, code),
            detail=REASONS[code] + _without_it(driver, torch_cuda(torch_install, torch_runtime)),
            evidence=(
                copy.says("path", f"{copy.path} ({copy.found_by})"),
                *((cuda_driver.says("init_code"),) if cuda_driver is not None else ()),
                *((nvml.says("driver_version"),) if nvml is not None and nvml.driver_version else ()),
                *((kernel_module.says("version"),) if kernel_module is not None and kernel_module.version else ()),
                *(gpu.says("name") for gpu in (nvml.gpus[:1] if nvml is not None else ()) if gpu.name),
            ),
            fix=_ways_out(copy, environment, container),
        )
        return
    if (
        code == NOT_SUPPORTED_ON_DEVICE
        and cuda_driver is not None
        and not _upgraded(driver_libraries, kernel_module, nvml)
    ):
        yield _by_code_alone(cuda_driver, nvml, driver)
        return
    if cuda_driver is None and messages is not None:
        found = _of_report(messages, copy, nvml, driver, torch_runtime, environment, container)
        yield from (found,) if found is not None and (driver_libraries is None or copy is not None) else ()


def _of_report(
    messages: Messages,
    copy: DriverLibrary | None,
    nvml: Nvml | None,
    driver: str | None,
    runtime: TorchRuntime | None,
    environment: Environment | None,
    container: Container | None,
) -> Finding | None:
    """What a text tells without anybody having asked the driver: a folder in front, a CUDA above the driver's own, or an error's words."""
    said = next(iter(pointing_at(messages, "cuda.compat-conflict")), None)
    fails = _fails(messages, runtime)
    if copy is not None:
        return _in_front(copy, messages, said, environment, container) if said is not None or fails else None
    higher = _above_its_own(nvml)
    if higher is not None and fails:
        return _by_nvidia_smi(nvml, higher)
    if said is None or (said.key.startswith(MISMATCH) and container is None):
        return None  # without a container it is nearly always an upgrade without a restart
    return Finding(
        title=f"cuda-compat and driver {driver or ''} do not go together: {quoted(said, 45)}".replace("  ", " "),
        evidence=(messages.says("messages", said.text),),
        fix=(Fix("Take compat folders out of the loader's path", "unset LD_LIBRARY_PATH; ldconfig -p | grep compat"),),
        confidence=confidence_of(said),
    )


def _above_its_own(nvml: Nvml | None) -> str | None:
    """The CUDA that nvidia-smi shows where the driver by itself has a lower one: it asked the libcuda that it found."""
    if nvml is None or nvml.driver_version is None or nvml.cuda_driver_version is None:
        return None
    own = drivers.cuda_of_driver(nvml.driver_version)
    shown = nvml.cuda_driver_version // 1000, nvml.cuda_driver_version % 1000 // 10
    return f"{shown[0]}.{shown[1]}" if own is not None and own < shown else None


def _fails(messages: Messages | None, runtime: TorchRuntime | None) -> bool:
    """Whether a report has CUDA fail."""
    if runtime is not None and runtime.cuda_available is False:
        return True
    rows = [message(said.key) for said in (messages.messages if messages is not None else ())]
    return any(row is not None and row.cause in FAILURES for row in rows)


def _by_nvidia_smi(nvml: Nvml | None, higher: str) -> Finding:
    assert nvml is not None
    return Finding(
        title=f"nvidia-smi shows CUDA {higher} over driver {nvml.driver_version}: a libcuda of cuda-compat is in front, and CUDA fails",
        detail="The driver's own libcuda has a lower CUDA.",
        evidence=(nvml.says("driver_version"), nvml.says("cuda_driver_version", higher)),
        fix=(Fix("Take compat folders out of the loader's path", "unset LD_LIBRARY_PATH; ldconfig -p | grep compat"),),
        confidence="likely",
    )


def _in_front(
    copy: DriverLibrary,
    messages: Messages,
    said: Message | None,
    environment: Environment | None,
    container: Container | None,
) -> Finding:
    return Finding(
        title=f"{copy.path} comes first on the loader's path, and CUDA fails: {quoted(said, 45) if said else 'no device'}",
        detail="It is cuda-compat's libcuda, not the driver's own.",
        evidence=(copy.says("path"), *((messages.says("messages", said.text),) if said is not None else ())),
        fix=_ways_out(copy, environment, container),
        confidence="likely",
    )


def _upgraded(libraries: DriverLibraries | None, module: KernelModule | None, nvml: Nvml | None) -> bool:
    """Whether the driver's own libraries are of another version than the module that runs: an upgrade without a restart gives 804 too."""
    installed = library_version(libraries, nvml)
    if nvml is not None and nvml.init_code == NVML_LIB_RM_VERSION_MISMATCH:
        return True
    return bool(module is not None and module.version and installed and module.version != installed)


def _by_code_alone(cuda: CudaDriver, nvml: Nvml | None, driver: str | None) -> Finding:
    """804 is returned for nothing else: a libcuda newer than the kernel module was loaded, wherever it lies."""
    name = next((gpu.name for gpu in (nvml.gpus if nvml is not None else ()) if gpu.name), "this GPU")
    end = f" needs forward compatibility on {name}"[:70]
    return Finding(
        title=f"cuInit returns 804: {short(cuda.library or 'libcuda', max(12, 80 - len(end)))}{end}",
        detail=REASONS[NOT_SUPPORTED_ON_DEVICE]
        + f" The libcuda that is loaded is newer than the kernel module{f' ({driver})' if driver else ''}.",
        evidence=(cuda.says("init_code"), cuda.says("library")),
        fix=(
            Fix(
                "Find the libcuda that does not belong to the driver, and take it off the loader's path",
                "ldconfig -p | grep libcuda.so.1",
            ),
            Fix("Or update the driver, so that no forward compatibility is needed"),
        ),
        confidence="likely",
    )


def _compat(cuda: CudaDriver | None, libraries: DriverLibraries | None) -> DriverLibrary | None:
    """The compat libcuda that is loaded; what was mapped decides over what the loader's search gives."""
    mapped = cuda.library if cuda is not None else None
    copies = libraries.copies if libraries is not None else ()
    if mapped:
        known = next((c for c in copies if mapped in (c.path, c.real_path)), None)
        if known is not None:
            return known if known.kind == "compat" else None
        if "/compat/" in mapped:
            return DriverLibrary(
                name="libcuda.so.1", path=mapped, real_path=mapped, kind="compat", found_by="the process's memory map"
            )
        return None
    winner = libraries.winner("libcuda.so.1") if libraries is not None else None
    return winner if winner is not None and winner.kind == "compat" else None


def _title(copy: DriverLibrary, driver: str | None, code: int) -> str:
    end = f" of cuda-compat is loaded over {f'driver {driver}' if driver else 'the driver'}; cuInit returns {code}"
    return f"libcuda {copy.version or short(copy.path, 100 - len('libcuda ') - len(end))}{end}"


def _without_it(driver: str | None, cuda: str | None) -> str:
    """Whether the driver alone would run the installed torch."""
    highest = drivers.cuda_of_driver(driver) if driver else None
    wanted = parts(cuda or "")[:2]
    if highest is None or len(wanted) < 2 or drivers.runs_cuda(highest, (wanted[0], wanted[1])):
        return ""
    return f" Without it driver {driver} runs CUDA {highest[0]}.{highest[1]}, and torch needs {cuda}: the driver must be updated."


def _ways_out(copy: DriverLibrary, environment: Environment | None, container: Container | None) -> tuple[Fix, ...]:
    first = out_of_the_way(copy.path, copy.found_by, environment)
    if in_container(container):
        return first, Fix("Or take an image of the CUDA that the host's driver runs, or update the driver on the host")
    return first, Fix("Or remove the package", "sudo apt remove 'cuda-compat-*'")
