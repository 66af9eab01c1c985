"""What the machines of the gallery are made of: the case, the usual machines, and ways to damage a torch."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import Gpu, Machine

PLACE = Path(f"/tmp/envdoctor-gallery-{os.getpid()}")
"""Outside pytest's own folders, which another user inside the machine could not enter."""

BARE = Machine()
NO_DRIVER = Machine(gpus=(Gpu(driver=""),), module="", modules=(), nodes=(), libraries={})
NO_MODULE = Machine(gpus=(Gpu(driver=""),), module="", modules=(), nodes=())
CONTAINER = {"/.dockerenv": ""}
COMPAT = "/usr/local/cuda-13/compat"
STUBS = "/usr/local/cuda-13/lib64/stubs"
WSL_LIBRARIES = "/usr/lib/wsl/lib"
WSL = {"/proc/sys/kernel/osrelease": "5.15.153.1-microsoft-standard-WSL2\n"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One machine of the gallery."""

    name: str
    cause: str | None
    also: tuple[str, ...] = ()
    machine: Machine = BARE
    torch: str | None = "cu124"
    """A build of fixtures/fake-torch; None: no torch at all."""
    driver: dict[str, str] = field(default_factory=dict)
    """Variables of the fake driver."""
    environ: dict[str, str] = field(default_factory=dict)
    break_torch: Callable[[Path], None] | None = None
    """Damages the copy of the torch installation, a folder on PYTHONPATH."""
    options: tuple[str, ...] = ()
    exit_code: int | None = None
    """None: 1 with an error, 0 for a warning or health."""
    status: str | None = None
    gpu: int | None = None
    """The GPU that the cause's finding names, where it is about one."""
    notes: tuple[str, ...] = ()
    """Ids of findings that are told and are no failure."""

    @property
    def expected_exit(self) -> int:
        """The exit code."""
        if self.exit_code is not None:
            return self.exit_code
        return 0 if self.cause is None or self.status == "degraded" else 1


def remove(name: str) -> Callable[[Path], None]:
    """Take a library out of the wheels."""

    def act(site: Path) -> None:
        for path in site.glob(f"nvidia/*/lib/{name}"):
            path.unlink()

    return act


def old_cudnn_wheel(site: Path) -> None:
    """Another nvidia-cudnn wheel than torch asks for: its metadata, and the files that go with it."""
    from fake_torch import decoy, write_dist

    for folder in site.glob("nvidia_cudnn_cu12-*"):
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    write_dist(site, "nvidia-cudnn-cu12", "9.0.0.312", ())
    for name in ("libcudnn_graph.so.9", "libcudnn.so.9"):
        decoy(site / "nvidia/cudnn/lib", name, "9.0.0")


def second_dist_info(site: Path) -> None:
    """A second torch dist-info, of another version."""
    from fake_torch import write_dist

    write_dist(site, "torch", "2.4.0", ())


def shadow(site: Path) -> None:
    """A torch.py in front of the package."""
    (site.parent / "work").mkdir()
    (site.parent / "work" / "torch.py").write_text("print('not PyTorch')\n")


def only_metadata(site: Path) -> None:
    """What is left where somebody deleted the folder."""
    for path in sorted((site / "torch").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (site / "torch").rmdir()


def beside(name: str, code: str) -> Callable[[Path], None]:
    """A module of one's own on the same path, such as a sitecustomize."""

    def act(site: Path) -> None:
        (site / name).write_text(code)

    return act


def at_import(code: str) -> Callable[[Path], None]:
    """What torch does when it is imported, before all else."""

    def act(site: Path) -> None:
        init = site / "torch/__init__.py"
        init.write_text(code + "\n" + init.read_text())

    return act


NINE_GPUS = tuple(Gpu(address=f"0000:{bus:02x}:00.0", device="2330", device_class="030200") for bus in range(1, 9))
HGX = Machine(
    gpus=(*NINE_GPUS, Gpu(address="0000:40:00.0", device="22a3", device_class="068000", driver="nvidia-nvswitch")),
    nodes=("nvidiactl", "nvidia-uvm", *(f"nvidia{i}" for i in range(8))),
)
H100 = {"STUB_GPU_COUNT": "8", "STUB_GPU_NAME": "NVIDIA H100 80GB HBM3", "STUB_CC": "9.0", "STUB_NVLINK": "1" * 18}
A100 = {"STUB_GPU_NAME": "NVIDIA A100-SXM4-40GB", "STUB_CC": "8.0"}

NOTHING = {"STUB_NVML_INIT": "9", "STUB_CUINIT": "100"}
"""A driver whose libraries find no module."""
JETSON_FILES = {"/etc/nv_tegra_release": "# R36 (release), REVISION: 3.0\n"}
JETSON_NODES = ("nvmap", "nvhost-gpu")
ORIN = {"STUB_GPU_NAME": "Orin", "STUB_CC": "8.7"}
ROCKY = {
    "/etc/os-release": 'ID="rocky"\nID_LIKE="rhel centos fedora"\n',
    "/lib/modules/5.14.0-1.el9/extra/nvidia.ko.xz": "",
}


def dmesg(*lines: str) -> dict[str, str]:
    """A program that prints what the kernel would have said."""
    text = "\n".join(f"[   10.{number:06d}] {line}" for number, line in enumerate(lines))
    return {"/usr/local/sbin/dmesg": f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n"}


WRITE_EVERYWHERE = """import os
for fd in range(1, 64):
    try:
        os.write(fd, b'{"stage": "import", "event": "leave"} and no newline')
    except OSError:
        pass
"""

UNSEEN = Machine(module="", modules=(), nodes=("nvidiactl", "nvidia0"))
"""A driver that runs, where /proc and /sys show nothing of it (gVisor; a container without them)."""
