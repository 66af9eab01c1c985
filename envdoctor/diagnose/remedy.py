"""Ways out, written for the machine at hand: the examined interpreter's path, the torch that its driver runs, its container's engine."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from envdoctor.diagnose.api import Fix
from envdoctor.facts import Container, Interpreter, Nvml
from envdoctor.knowledge import archs, drivers, releases
from envdoctor.knowledge.releases import ReleaseRow, VariantRow

TORCH_INDEX = "https://download.pytorch.org/whl/"
"""Below it each variant has an index of its own (pytorch.org, "Start locally")."""
AT_WORK = 20
"""% of the time: a GPU that is busier works for somebody."""


def _installer(interpreter: Interpreter | None) -> tuple[str, str]:
    """The command line that runs the installer, and the option that says where to; an environment without pip was made by uv."""
    python = shlex.quote(interpreter.path if interpreter else "python3")
    if interpreter is not None and interpreter.has_pip is False:
        return "uv pip", f" --python {python}"
    return f"{python} -m pip", ""


def pip_install(
    interpreter: Interpreter | None,
    *requirements: str,
    reinstall: bool = False,
    alone: bool = False,
    index: str | None = None,
) -> str:
    """The shell command that installs `requirements` into the examined environment, by its path; the index is a URL.

    `alone` leaves what they depend on as it is: a forced reinstallation of cuDNN's wheel would else bring the newest cuBLAS.
    Where the operating system manages the environment (PEP 668), a virtual environment is made beside the work first.
    """
    prepare = ""
    if interpreter is not None and interpreter.externally_managed and not interpreter.virtual_env:
        prepare = f"{shlex.quote(interpreter.path)} -m venv .venv && "
        interpreter, reinstall = Interpreter(path=".venv/bin/python"), False
    command, where = _installer(interpreter)
    again = (" --reinstall" if where else " --force-reinstall") if reinstall else ""
    again += " --no-deps" if reinstall and alone else ""
    wanted = " ".join(shlex.quote(requirement) for requirement in requirements)
    from_index = f" --index-url {shlex.quote(index)}" if index else ""
    return f"{prepare}{command} install{where}{again} {wanted}{from_index}"


def pip_uninstall(interpreter: Interpreter | None, *names: str) -> str:
    """The shell command that removes distributions from the examined environment, by its path."""
    command, where = _installer(interpreter)
    yes = "" if where else " -y"
    return f"{command} uninstall{where}{yes} {' '.join(shlex.quote(name) for name in names)}"


@dataclass(frozen=True)
class _Needs:
    """What a torch must satisfy to work here; None or empty: not known, so not asked."""

    python: str | None
    machine: str
    windows: bool
    glibc: tuple[int, ...] | None
    """Empty: another C library, which no wheel is made for."""
    driver_cuda: tuple[int, int] | None
    compute_capabilities: tuple[str, ...]

    def release_fits(self, row: ReleaseRow) -> bool:
        """Whether the release has a wheel for this Python and C library."""
        pythons = row.pythons_aarch64 if self.machine == "aarch64" else row.pythons
        if self.machine not in ("x86_64", "aarch64") or (self.python is not None and self.python not in pythons):
            return False
        return self.glibc is None or self.glibc >= drivers.version_key(row.glibc)

    def arch_list(self, row: VariantRow) -> tuple[str, ...]:
        """What the variant has code for on this machine."""
        return row.arch_list_aarch64 if self.machine == "aarch64" else row.arch_list

    def variant_fits(self, row: VariantRow) -> bool:
        """Whether the driver and every GPU run the variant."""
        major, minor = drivers.version_key(row.cuda)
        if not row.confirmed or (self.machine == "aarch64" and not row.arch_list_aarch64):
            return False
        if self.driver_cuda is not None and not drivers.runs_cuda(self.driver_cuda, (major, minor)):
            return False
        return all(archs.runs_on(self.arch_list(row), cc) for cc in self.compute_capabilities)

    def is_default(self, release: ReleaseRow, variant: VariantRow) -> bool:
        """Whether the plain package index gives this machine that variant."""
        if self.windows:
            return False
        return variant.cuda == (release.cuda_aarch64 if self.machine == "aarch64" else release.cuda)


def _needs(interpreter: Interpreter | None, driver_cuda: int | None, compute_capabilities: Iterable[str]) -> _Needs:
    version = interpreter.version if interpreter else None
    machine = (interpreter.machine if interpreter else None) or "x86_64"
    libc = (interpreter.libc if interpreter else None) or ""
    name, _, number = libc.partition(" ")
    return _Needs(
        python=".".join(version.split(".")[:2]) if version else None,
        machine={"AMD64": "x86_64", "arm64": "aarch64"}.get(machine, machine),
        windows=machine == "AMD64",
        glibc=(drivers.version_key(number) if name == "glibc" else ()) if number else None,
        driver_cuda=(driver_cuda // 1000, driver_cuda % 1000 // 10) if driver_cuda else None,
        compute_capabilities=tuple(compute_capabilities),
    )


def _builds(needs: _Needs, torch_version: str | None) -> Iterator[tuple[ReleaseRow, VariantRow]]:
    """Every build that works here, best first: the asked release before the newest, the index's own variant before the highest CUDA."""
    rows = sorted(releases.releases().values(), key=lambda row: drivers.version_key(row.version), reverse=True)
    wanted = releases.release(torch_version) if torch_version else None
    for release in ([wanted] if wanted else []) + [row for row in rows if row is not wanted]:
        if needs.release_fits(release):
            fitting = [row for row in reversed(releases.variants_of(release.version)) if needs.variant_fits(row)]
            fitting.sort(key=lambda row: not needs.is_default(release, row))
            yield from ((release, variant) for variant in fitting)


def torch_wheel(
    interpreter: Interpreter | None,
    *,
    driver_cuda: int | None,
    compute_capabilities: Sequence[str] = (),
    torch_version: str | None = None,
    with_companions: Sequence[str] = (),
) -> Fix:
    """Install a torch with CUDA that this interpreter, this driver and these GPUs run.

    `driver_cuda` is cuDriverGetVersion's number (12040), None if unknown; `torch_version` is kept where a build of it works here;
    `with_companions` are packages (torchvision …) to install in the release that fits.
    """
    needs = _needs(interpreter, driver_cuda, compute_capabilities)
    build = next(_builds(needs, torch_version), None)
    if build is None:
        return _no_build(needs)
    release, variant = build
    fitting = ((name, releases.companion_for(name, release.version)) for name in with_companions)
    companions = [f"{name}=={versions[0]}" for name, versions in fitting if versions]
    index = None if needs.is_default(release, variant) else TORCH_INDEX + variant.variant
    wanted = [f"torch=={release.version}", *companions]
    return Fix(
        f"Install torch {release.version} built for CUDA {variant.cuda}",
        pip_install(interpreter, *wanted, reinstall=True, index=index),
    )


def _no_build(needs: _Needs) -> Fix:
    """What to change where no published torch works here: the first single demand without which one would."""
    if build := next(_builds(replace(needs, python=None), None), None):
        pythons = build[0].pythons_aarch64 if needs.machine == "aarch64" else build[0].pythons
        span = f"{pythons[0]} to {pythons[-1]}"
        return Fix(f"Make an environment with Python {span}: torch {build[0].version} has CUDA wheels for those")
    if build := next(_builds(replace(needs, python=None, driver_cuda=None), None), None):
        major, minor = drivers.version_key(build[1].cuda)
        lowest = drivers.lowest_driver_for(major, minor)
        return Fix(
            f"Install NVIDIA driver {lowest} or newer: torch {build[0].version} for CUDA {build[1].cuda} needs it"
        )
    if build := next(_builds(replace(needs, python=None, glibc=None), None), None):
        return Fix(f"Use a system with glibc {build[0].glibc} or newer: torch {build[0].version} needs it")
    gpus = "".join(f" for compute capability {cc}" for cc in needs.compute_capabilities[:1])
    return Fix(f"Build torch from source: there is no published build{gpus} on {needs.machine}")


POD = "Ask for a GPU in the pod's spec: resources.limits nvidia.com/gpu: 1 (and runtimeClassName: nvidia where it is no default)"
GPU_BY_ENGINE = {
    "podman": ("podman run --device nvidia.com/gpu=all IMAGE", ", by CDI"),
    "apptainer": ("apptainer exec --nv IMAGE COMMAND", ""),
    "lxc": ("lxc config set CONTAINER nvidia.runtime=true && lxc config device add CONTAINER gpu gpu && lxc restart CONTAINER", ""),
    "containerd": ("nerdctl run --gpus all IMAGE", ""),
}  # fmt: skip
"""How an engine is asked for the GPU; those that are not here are asked as Docker is."""


def rerun_container(container: Container | None, *, jetson: bool = False) -> Fix:
    """Start the container anew with the GPU, as its engine is asked for that; IMAGE stands for the user's own."""
    engine = (container.engine if container is not None else None) or "docker"
    if engine == "kubernetes":
        return Fix(POD)
    docker = "docker run --runtime nvidia IMAGE" if jetson else "docker run --gpus all IMAGE"
    command, how = GPU_BY_ENGINE.get(engine, (docker, ""))
    return Fix(f"Start the container again with the GPU{how}", command)


def unset_variable(name: str) -> Fix:
    """Take an environment variable out of the shell that starts the program."""
    return Fix(f"Unset {name}", f"unset {name}")


def another_gpu(nvml: Nvml | None, taken: int | None) -> tuple[Fix, ...]:
    """Take the GPU that has most memory free and nothing to do; empty: there is none but the one that is `taken`."""
    free = [
        gpu
        for gpu in (nvml.gpus if nvml is not None else ())
        if gpu.index != taken and not gpu.error and gpu.memory_free_bytes and (gpu.utilization_percent or 0) < AT_WORK
    ]
    if not free:
        return ()
    best = max(free, key=lambda gpu: gpu.memory_free_bytes or 0)
    # torch's own order is fastest first; NVML's, and nvidia-smi's, is the bus's.
    command = f"export CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES={best.index}"
    return (Fix(f"Or take GPU {best.index}: {(best.memory_free_bytes or 0) >> 30} GiB of it are free", command),)
