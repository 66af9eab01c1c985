"""The loaded NVIDIA kernel module, and those that could be loaded."""

from __future__ import annotations

from envdoctor.collect.api import collector
from envdoctor.collect.host import Host
from envdoctor.facts import DkmsModule, KernelModule
from envdoctor.read.kernel_log import parse_version

PLACES = ("updates/dkms", "updates", "extra", "extra/nvidia*", "weak-updates/nvidia*", "weak-updates", "kernel/drivers/video", "kernel/nvidia*",
          "kernel/drivers/video/nvidia", "misc", "extramodules", "video")  # fmt: skip
"""Where distributions and NVIDIA's installer put nvidia.ko below /lib/modules/<kernel>."""


@collector
def kernel_module(host: Host) -> KernelModule:
    """The loaded NVIDIA kernel module, from /proc and /sys: needs no tool, no root and no NVML."""
    text = _text(host, "/proc/driver/nvidia/version")
    modules = _modules(host)
    version, flavour = parse_version(text) if text else (None, None)
    kernels = _kernels(host)
    running = (_text(host, "/proc/sys/kernel/osrelease") or "").strip()
    loaded = True if text else None if modules is None else "nvidia" in modules
    return KernelModule(
        loaded=loaded,
        version=version or (_text(host, "/sys/module/nvidia/version") or "").strip() or None,
        flavour="open" if flavour else "proprietary" if version else None,
        uvm_loaded=None if modules is None else "nvidia_uvm" in modules,
        nouveau_loaded=None if modules is None else "nouveau" in modules,
        peermem_loaded=None if modules is None else "nvidia_peermem" in modules,
        proc_gpus=_proc_gpus(host) if loaded else None,
        installed_file=None if kernels is None else kernels.get(running, ""),
        installed_kernels=None if kernels is None else tuple(kernels),
        dkms=_dkms(host),
        sources={
            "loaded": "/proc/driver/nvidia/version" if text else "/proc/modules",
            "uvm_loaded": "/proc/modules",
            "nouveau_loaded": "/proc/modules",
            "installed_file": f"/lib/modules/{running}",
            "installed_kernels": "/lib/modules",
            "dkms": "/var/lib/dkms",
        },
    )


def _text(host: Host, path: str) -> str | None:
    try:
        return host.read(path)
    except OSError:
        return None


def _modules(host: Host) -> frozenset[str] | None:
    """The loaded modules, built-in ones with parameters included; None where neither file can be read."""
    text = _text(host, "/proc/modules")
    names = {line.partition(" ")[0] for line in text.splitlines()} if text is not None else set()
    for name in ("nvidia", "nvidia_uvm", "nouveau", "nvidia_peermem"):
        if _exists(host, f"/sys/module/{name}"):
            names.add(name)
    return frozenset(names) if text is not None or _exists(host, "/sys/module") else None


def _exists(host: Host, path: str) -> bool:
    try:
        return host.exists(path)
    except OSError:
        return False


def _proc_gpus(host: Host) -> tuple[str, ...] | None:
    try:
        return tuple(host.list("/proc/driver/nvidia/gpus"))
    except OSError:
        return None


def _kernels(host: Host) -> dict[str, str] | None:
    """Kernel to its nvidia module's file; None where /lib/modules is not there (in a container it is the host's, and not seen)."""
    try:
        kernels = host.list("/lib/modules")
    except OSError:
        return None
    found = {}
    for kernel in kernels:
        for place in PLACES:
            files = host.glob(f"/lib/modules/{kernel}/{place}/nvidia.ko*") or host.glob(
                f"/lib/modules/{kernel}/{place}/nvidia-current.ko*"
            )
            if files:
                found[kernel] = files[0]
                break
    return found


def _dkms(host: Host) -> tuple[DkmsModule, ...] | None:
    """What /var/lib/dkms says of nvidia; None where there is no such folder."""
    if not _exists(host, "/var/lib/dkms"):
        return None
    found = []
    for path in host.glob("/var/lib/dkms/nvidia*/[0-9]*"):
        parts = path.split("/")
        name, version = parts[-2], parts[-1]
        built = host.glob(f"{path}/*/*/module")
        for module in built:
            kernel = module.split("/")[-3]
            there = host.glob(f"/lib/modules/{kernel}/updates/dkms/nvidia*.ko*") or host.glob(
                f"/lib/modules/{kernel}/extra/nvidia*.ko*"
            )
            found.append(DkmsModule(name=name, version=version, kernel=kernel, state="installed" if there else "built"))
        if not built:
            found.append(DkmsModule(name=name, version=version, state="added"))
    return tuple(found)
