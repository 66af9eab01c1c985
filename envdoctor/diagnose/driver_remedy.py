"""Ways to another driver, or to one that is loaded, in the manner of this distribution."""

from __future__ import annotations

from dataclasses import dataclass

from envdoctor.diagnose.api import Fix
from envdoctor.diagnose.predicates import in_container
from envdoctor.facts import Container, System
from envdoctor.knowledge import drivers

DRIVER_PAGE = "https://www.nvidia.com/drivers"


@dataclass(frozen=True)
class _PackageManager:
    """How a family of distributions installs the driver. ``{branch}`` stands for the branch that is asked for."""

    distributions: tuple[str, ...]
    newest: str | None
    at_least: str | None
    """Where a lowest version is asked for: distributions are often behind. None: by hand."""
    module: str
    """What builds the module for the running kernel, ``{kernel}``."""
    open: str | None = None
    proprietary: str | None = None
    """How the flavour of the kernel module is chosen. None: by hand."""


FIRST_OPEN = "570"
"""The first branch that drives Blackwell, whose cards need the open module."""
DKMS = "sudo dkms autoinstall && sudo modprobe nvidia"

PACKAGE_MANAGERS = (
    _PackageManager(
        ("ubuntu", "pop", "linuxmint"),
        "sudo ubuntu-drivers install",
        "sudo apt install nvidia-driver-{branch}",
        "sudo apt install linux-headers-{kernel} && " + DKMS,
        "apt install nvidia-driver-{branch}-open",
        "apt install nvidia-driver-{branch}",
    ),
    _PackageManager(
        ("debian",),
        "sudo apt install nvidia-driver",
        "sudo apt install cuda-drivers-{branch}",
        "sudo apt install linux-headers-{kernel} && " + DKMS,
        "apt install nvidia-open-kernel-dkms",
        "apt install nvidia-kernel-dkms",
    ),
    _PackageManager(
        ("fedora",),
        "sudo dnf install akmod-nvidia xorg-x11-drv-nvidia-cuda",
        "sudo dnf upgrade --refresh '*nvidia*'",
        "sudo dnf install kernel-devel-{kernel} && sudo akmods --force && sudo modprobe nvidia",
    ),
    _PackageManager(
        ("rhel", "centos", "rocky", "almalinux", "ol"),
        "sudo dnf module install nvidia-driver:latest-dkms",
        "sudo dnf module switch-to nvidia-driver:{branch}-dkms",
        "sudo dnf install kernel-devel-{kernel} && " + DKMS,
    ),
    _PackageManager(
        ("opensuse", "opensuse-leap", "opensuse-tumbleweed", "sles", "suse"),
        "sudo zypper install nvidia-driver-G06-kmp-default nvidia-compute-utils-G06",
        "sudo zypper update 'nvidia*'",
        "sudo zypper install --force nvidia-driver-G06-kmp-default && sudo modprobe nvidia",
    ),
    _PackageManager(
        ("arch",),
        "sudo pacman -Syu nvidia-open nvidia-utils",
        "sudo pacman -Syu nvidia-open nvidia-utils",
        "sudo pacman -Syu linux linux-headers nvidia-open nvidia-utils && sudo reboot",
    ),
)


def _package_manager(system: System) -> _PackageManager | None:
    """The distribution's own row, else that of what it says it is like."""
    names = (system.distribution or "", *system.distribution_like)
    rows = ((row for row in PACKAGE_MANAGERS if name in row.distributions) for name in names)
    return next((row for found in rows for row in found), None)


def supported_branch(at_least: str) -> int:
    """The oldest driver branch that is still supported and not older than `at_least`; its own where the table has none."""
    lowest = drivers.version_key(at_least)[0]
    alive = (row.branch for row in drivers.branches() if row.status not in ("eol", "legacy", "new-feature"))
    return next((branch for branch in alive if branch >= lowest), lowest)


def _as_user(system: System | None, command: str) -> str:
    """The command without ``sudo`` where we are root."""
    return command.removeprefix("sudo ") if system is not None and system.uid == 0 else command


def install_driver(system: System | None, *, at_least: str | None = None, container: Container | None = None) -> Fix:
    """Install the NVIDIA driver (of version `at_least` or newer) in the way of this distribution; from a `container`, on the host."""
    what = f"NVIDIA driver {at_least} or newer" if at_least else "the NVIDIA driver"
    if in_container(container) and not (system is not None and system.wsl):
        return Fix(f"Install {what} on the host, not in this container, and restart the host")
    if system is not None and system.wsl:
        return Fix(
            f"Install {what} on Windows, from {DRIVER_PAGE}, and none inside WSL; then run `wsl --shutdown` there"
        )
    if system is not None and system.jetson:
        return Fix(f"Install {what} with JetPack", _as_user(system, "sudo apt install nvidia-jetpack"))
    manager = _package_manager(system) if system is not None else None
    command = (manager.at_least if at_least else manager.newest) if manager is not None else None
    if command is None:
        return Fix(f"Install {what} from {DRIVER_PAGE}")
    if at_least:
        command = command.format(branch=supported_branch(at_least))
    return Fix(f"Install {what} and restart the machine", _as_user(system, command))


def install_branch(system: System | None, branch: int) -> Fix:
    """Install the driver of one branch, for a card that newer ones no longer drive."""
    manager = _package_manager(system) if system is not None else None
    command = manager.at_least if manager is not None and "{branch}" in (manager.at_least or "") else None
    what = f"Install a driver of branch {branch}, the last that drives this card"
    if command is None:
        return Fix(f"{what}, from {DRIVER_PAGE}")
    return Fix(f"{what}, and restart the machine", _as_user(system, command.format(branch=branch)))


def install_flavour(system: System | None, version: str, *, open_module: bool) -> Fix:
    """Install the driver with its open kernel module, or with the proprietary one, in the branch that is there (or a supported one)."""
    manager = _package_manager(system) if system is not None else None
    package = (manager.open if open_module else manager.proprietary) if manager is not None else None
    text = f"Install the {'open' if open_module else 'proprietary'} flavour of the driver"
    if package is None:
        return Fix(text)
    command = package.format(branch=supported_branch(version or FIRST_OPEN))
    return Fix(f"{text}, and restart the machine", _as_user(system, f"sudo {command}"))


def build_module(system: System | None, kernel: str) -> Fix:
    """Build the module for the running kernel, in the way of this distribution."""
    manager = _package_manager(system) if system is not None else None
    command = manager.module.format(kernel=kernel) if manager is not None else f"sudo dkms autoinstall -k {kernel}"
    return Fix("Build it for the running kernel", command)


def load_module(system: System | None) -> Fix:
    """Load the NVIDIA kernel modules."""
    return Fix("Load the NVIDIA kernel modules", _as_user(system, "sudo modprobe -a nvidia nvidia_uvm"))


def reboot(
    what: str = "so that the kernel module and the libraries are of one driver", container: Container | None = None
) -> Fix:
    """Restart the machine; `what` says what for. From a `container` that is its host."""
    if in_container(container):
        return Fix(f"Restart the host of this container {what}", "sudo reboot  # on the host")
    return Fix(f"Restart the machine {what}", "sudo reboot")
