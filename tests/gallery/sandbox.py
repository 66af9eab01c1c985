"""A whole machine in a private mount namespace: an overlay of the real root in which files, devices, /proc and /sys are faked.

Needs root (or the right to make a mount namespace), and leaves nothing behind: the namespace goes with its process.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

CPUINFO = "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu vme de pse tsc msr\n\nprocessor\t: 1\nflags\t\t: fpu vme de pse\n"
"""A processor that is not virtual."""


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One PCI device."""

    address: str = "0000:01:00.0"
    vendor: str = "10de"
    device: str = "2684"
    device_class: str = "030000"
    driver: str = "nvidia"
    """Empty: none is bound."""
    resource: str = "0x00000000f6000000 0x00000000f6ffffff 0x0000000000040200\n"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What is faked of a machine."""

    gpus: tuple[Gpu, ...] = (Gpu(),)
    module: str = "595.45.04"
    """Version of the loaded kernel module; empty: it is not loaded."""
    modules: tuple[str, ...] = ("nvidia", "nvidia_uvm")
    """Names in /proc/modules."""
    nodes: tuple[str, ...] = ("nvidiactl", "nvidia0", "nvidia-uvm")
    node_mode: int = 0o666
    libraries: dict[str, str] = field(
        default_factory=lambda: {"libcuda.so.1": "595.45.04", "libnvidia-ml.so.1": "595.45.04"}
    )
    """Driver libraries in /usr/lib/<multiarch>, with the version in their real names."""
    files: dict[str, str] = field(default_factory=dict)
    """Files to write, by absolute path. A text that begins with ``->`` is a link, one that begins with ``#!`` a program."""
    remove: tuple[str, ...] = ()
    shm_kib: int = 1 << 20
    cpuinfo: str = CPUINFO
    user: int | None = None
    """Run as this user id, with no other group."""
    read_only: bool = False


def possible() -> bool:
    """Whether this user may make a mount namespace with an overlay in it."""
    return os.geteuid() == 0 and _try_overlay()


@functools.cache
def _try_overlay() -> bool:
    script = "mount -t tmpfs t /mnt && mkdir /mnt/u /mnt/w /mnt/r && mount -t overlay o -o lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w /mnt/r"
    command = ["unshare", "-m", "--propagation", "private", "sh", "-c", script]
    try:
        return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def run(
    machine: Machine, driver: Path, command: list[str], environ: dict[str, str], cwd: str = "/", timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run `command` inside `machine`; `driver` is the folder that holds the built fake driver's ``lib``."""
    setting = {
        **machine.__dict__,
        "gpus": [gpu.__dict__ for gpu in machine.gpus],
        "driver": str(driver),
        "cwd": cwd,
        "environ": environ,
    }
    inner = [sys.executable, str(Path(__file__)), json.dumps(setting), "--", *command]
    return subprocess.run(
        ["unshare", "-m", "--propagation", "private", *inner],
        capture_output=True,
        text=True,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
        check=False,
    )


# What follows runs inside the new namespace, as root.


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _write(root: Path, path: str, text: str) -> None:
    place = root / path.lstrip("/")
    if path.startswith("/proc/"):
        fake = root / "run/fake-proc" / path.replace("/", "_")
        fake.write_text(text)
        _mount("--bind", str(fake), str(place))
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink() or place.exists():
        place.unlink()
    if text.startswith("->"):
        place.symlink_to(text[2:])
    else:
        place.write_text(text)
        place.chmod(0o755 if text.startswith("#!") else 0o644)


def _sys(root: Path, gpus: list[dict[str, str]], modules: list[str]) -> None:
    _mount("-t", "tmpfs", "sys", str(root / "sys"))
    devices = root / "sys/bus/pci/devices"
    for gpu in [
        {
            "address": "0000:00:00.0",
            "vendor": "8086",
            "device": "1237",
            "device_class": "060000",
            "driver": "",
            "resource": "",
        },
        *gpus,
    ]:
        place = devices / gpu["address"]
        place.mkdir(parents=True)
        values = {"vendor": "0x" + gpu["vendor"], "device": "0x" + gpu["device"], "class": "0x" + gpu["device_class"]}
        values |= {"resource": gpu["resource"], "current_link_width": "16", "max_link_width": "16", "numa_node": "-1"}
        values |= {"current_link_speed": "16.0 GT/s PCIe", "max_link_speed": "16.0 GT/s PCIe"}
        for name, value in values.items():
            (place / name).write_text(value + "\n")
        if gpu["driver"]:
            driver = root / "sys/bus/pci/drivers" / gpu["driver"]
            driver.mkdir(parents=True, exist_ok=True)
            (place / "driver").symlink_to(f"../../drivers/{gpu['driver']}")
    for module in ("kernel", *modules):
        (root / "sys/module" / module).mkdir(parents=True)


def _proc(root: Path, setting: dict[str, object]) -> None:
    _mount("--rbind", "/proc", str(root / "proc"))
    fake = root / "run/fake-proc"
    (fake / "driver").mkdir(parents=True)
    version = setting["module"]
    if version:
        line = f"NVRM version: NVIDIA UNIX x86_64 Kernel Module  {version}  Tue Mar  3 19:00:00 UTC 2026\nGCC version:  gcc version 12.2.0\n"
        (fake / "driver/nvidia").mkdir()
        (fake / "driver/nvidia/version").write_text(line)
    _mount("--bind", str(fake / "driver"), str(root / "proc/driver"))
    lines = [f"{name} 1000 0 - Live 0x0000000000000000\n" for name in setting["modules"]]  # type: ignore[attr-defined]
    for name, text in (("modules", "".join(lines)), ("cpuinfo", str(setting["cpuinfo"]))):
        (fake / name).write_text(text)
        if not (root / "proc" / name).exists():
            continue  # a kernel without modules has no /proc/modules; /sys/module tells the same
        _mount("--bind", str(fake / name), str(root / "proc" / name))


def _dev(root: Path, nodes: list[str], mode: int, shm_kib: int) -> None:
    _mount("-t", "tmpfs", "dev", str(root / "dev"))
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        (root / "dev" / name).touch()
        _mount("--bind", f"/dev/{name}", str(root / "dev" / name))
    for name in nodes:
        node = root / "dev" / name
        node.touch()  # a plain file opens where a device without a driver would say ENXIO
        node.chmod(mode)
    shm = root / "dev/shm"
    shm.mkdir()
    if shm_kib:
        _mount("-t", "tmpfs", "-o", f"size={shm_kib}k,mode=1777", "shm", str(shm))


def _libraries(root: Path, driver: str, libraries: dict[str, str]) -> None:
    folder = root / "usr/lib" / f"{os.uname().machine}-linux-gnu"
    for name, version in libraries.items():
        real = f"{name.removesuffix('.1')}.{version}"
        (folder / real).write_bytes((Path(driver) / "lib" / name).read_bytes())
        link = folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(real)


def _inside(setting: dict[str, object], command: list[str]) -> None:
    """Build the machine, enter it, become the user, run the command."""
    base = Path("/mnt")
    _mount("-t", "tmpfs", "sandbox", str(base))
    for name in ("upper", "work", "root"):
        (base / name).mkdir()
    root = base / "root"
    _mount("-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={base}/upper,workdir={base}/work", str(root))
    for path in ("/.dockerenv", "/run/.containerenv", "/run/systemd/container", *setting["remove"]):  # type: ignore[misc]
        if (place := root / path.lstrip("/")).exists():
            place.unlink()
    _sys(root, setting["gpus"], setting["modules"])  # type: ignore[arg-type]
    _proc(root, setting)
    _dev(root, setting["nodes"], setting["node_mode"], setting["shm_kib"])  # type: ignore[arg-type]
    _libraries(root, setting["driver"], setting["libraries"])  # type: ignore[arg-type]
    for path, text in setting["files"].items():  # type: ignore[attr-defined]
        _write(root, path, text)
    subprocess.run(["chroot", str(root), "ldconfig"], check=False)
    if setting["read_only"]:
        _mount("-o", "remount,ro", str(root))
    os.chroot(root)
    os.chdir(str(setting["cwd"]))
    if setting["user"] is not None:
        os.chmod("/root", 0o755)  # the interpreter that runs the tests can lie there
        os.setgroups([])
        os.setgid(int(str(setting["user"])))
        os.setuid(int(str(setting["user"])))
    os.execvpe(command[0], command, setting["environ"])  # type: ignore[arg-type]


if __name__ == "__main__":
    _inside(json.loads(sys.argv[1]), sys.argv[3:])
