"""The operating system, the kernel, and what the machine itself runs on."""

from __future__ import annotations

import os
import platform
import re

import distro

from envdoctor.collect.api import collector
from envdoctor.collect.host import Host
from envdoctor.facts import System

VENDORS = (
    ("vmware", "vmware"),
    ("microsoft corporation", "microsoft"),
    ("amazon ec2", "amazon"),
    ("google", "google"),
    ("qemu", "kvm"),
    ("red hat", "kvm"),
    ("openstack", "kvm"),
    ("xen", "xen"),
    ("innotek", "virtualbox"),
    ("virtualbox", "virtualbox"),
    ("parallels", "parallels"),
    ("alibaba", "kvm"),
    ("digitalocean", "kvm"),
    ("nutanix", "kvm"),
    ("bochs", "kvm"),
)
"""What /sys/class/dmi/id says, in lower case, to the hypervisor it stands for. Bare-metal instances of Amazon and Google say the same
vendor, so these count only where the processor says that it is virtual."""


@collector
def system(host: Host) -> System:
    """Distribution, kernel, C library, hypervisor, WSL, Jetson, Secure Boot."""
    build = _text(host, "/proc/version")
    release = _release(host)
    kernel = (_text(host, "/proc/sys/kernel/osrelease") or (platform.release() if host.live else "")).strip()
    wsl = _wsl(host, kernel, build or "") if kernel else None
    return System(
        platform="linux",
        machine=platform.machine() if host.live else None,
        distribution=release.get("id"),
        distribution_like=tuple((release.get("id_like") or "").split()),
        distribution_version=release.get("version_id"),
        pretty_name=release.get("pretty_name"),
        kernel=kernel or None,
        kernel_build=(build or "").partition("\n")[0] or None,
        libc=_libc() if host.live else None,
        hypervisor=_hypervisor(host),
        wsl=wsl,
        jetson=_jetson(host),
        chassis=_chassis(host),
        secure_boot=_secure_boot(host),
        uid=os.getuid() if host.live else None,
        user=_user() if host.live else None,
        boot_time=_boot_time(host),
        sources={
            "kernel": "/proc/sys/kernel/osrelease",
            "kernel_build": "/proc/version",
            "distribution": "/etc/os-release",
            "hypervisor": "/proc/cpuinfo and /sys/class/dmi/id",
            "wsl": "/proc/sys/kernel/osrelease",
            "chassis": "/sys/class/dmi/id/chassis_type",
            "secure_boot": "/sys/firmware/efi/efivars",
        },
    )


def _text(host: Host, path: str) -> str | None:
    """The text of a file; None where it cannot be had."""
    try:
        return host.read(path)
    except OSError:
        return None


def _release(host: Host) -> dict[str, str]:
    """/etc/os-release, through the package distro; from the text where the machine is not this one."""
    if host.live:
        found = distro.LinuxDistribution(include_lsb=False, include_uname=False, include_oslevel=False)
        return found.os_release_info()
    text = _text(host, "/etc/os-release") or _text(host, "/usr/lib/os-release") or ""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key.strip().lower(): value.strip().strip("\"'") for key, _, value in pairs}


def _libc() -> str | None:
    name, version = platform.libc_ver()
    return f"{name} {version}" if name else None


def _hypervisor(host: Host) -> str | None:
    """``none`` only where the processor's flags could be read and do not say ``hypervisor``."""
    flags = _text(host, "/proc/cpuinfo")
    vendor = " ".join(_text(host, f"/sys/class/dmi/id/{name}") or "" for name in ("sys_vendor", "product_name")).lower()
    named = next((kind for word, kind in VENDORS if word in vendor), None)
    xen = (_text(host, "/sys/hypervisor/type") or "").strip()
    if flags is None:
        return named
    lines = re.findall(r"^(?:flags|Features)\s*:(.*)$", flags, re.MULTILINE)
    if any(" hypervisor" in line for line in lines):
        return named or xen or "unknown-vm"
    if not lines or "Features" in flags.partition("flags")[0]:
        return named or xen or (None if not lines else "none")  # Arm has no such flag: the vendor alone can tell
    return xen or "none"


def _wsl(host: Host, kernel: str, build: str) -> int:
    """WSL 1 calls its kernel 4.4.0-…-Microsoft, WSL 2 …-microsoft-standard-WSL2. A kernel of one's own can have any name: there
    the node that leads to Windows' GPU, or the folder that Windows mounts, gives it away."""
    names = f"{kernel} {build}".lower()
    if "microsoft" in names:
        return 2 if "wsl2" in names or "microsoft-standard" in names or _exists(host, "/dev/dxg") else 1
    own_kernel = host.environ.get("WSL_DISTRO_NAME") or _exists(host, "/usr/lib/wsl/lib")
    return 2 if own_kernel and _exists(host, "/dev/dxg") else 0


def _exists(host: Host, path: str) -> bool:
    try:
        return host.exists(path)
    except OSError:
        return False


def _jetson(host: Host) -> bool:
    if _exists(host, "/etc/nv_tegra_release"):
        return True
    compatible = _text(host, "/proc/device-tree/compatible") or ""
    return "nvidia,tegra" in compatible


def _chassis(host: Host) -> int | None:
    text = (_text(host, "/sys/class/dmi/id/chassis_type") or "").strip()
    return int(text) if text.isdigit() else None


def _secure_boot(host: Host) -> bool | None:
    """The last byte of the SecureBoot variable; None without EFI variables."""
    for path in host.glob("/sys/firmware/efi/efivars/SecureBoot-*"):
        try:
            return host.read_bytes(path, 16)[-1:] == b"\1"
        except OSError:
            return None
    return None


def _user() -> str | None:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return None


def _boot_time(host: Host) -> float | None:
    match = re.search(r"^btime (\d+)", _text(host, "/proc/stat") or "", re.MULTILINE)
    return float(match[1]) if match else None
