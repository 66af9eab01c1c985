"""Whether this is a container, and what of the driver was put into it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from envdoctor.collect.api import collector
from envdoctor.collect.host import Host
from envdoctor.facts import Container, DeviceNodes

CGROUP = (
    (re.compile(r"kubepods"), "kubernetes"),
    (re.compile(r"docker[-/]"), "docker"),
    (re.compile(r"libpod"), "podman"),
    (re.compile(r"containerd|cri-"), "containerd"),
    (re.compile(r"/lxc[./]"), "lxc"),
)
INJECTED = re.compile(
    r"/(lib(cuda|nvidia-[\w-]+|nvcuvid|vdpau_nvidia)\.so[\w.]*|nvidia-smi|nvidia(?:ctl|-uvm|-uvm-tools|-modeset|\d+))$"
)
OVERLAY_ROOT = re.compile(
    r"^\S+ \S+ \S+ / / .* - overlay .*(?:/docker/|/containers/|containerd|/snapshots/|/kubelet/)", re.MULTILINE
)
"""A root that a container engine stacked; live systems have overlay roots too, of other layers."""
RUNTIME_VARIABLES = ("NVIDIA_DRIVER_CAPABILITIES", "NVIDIA_REQUIRE_CUDA")
"""An image sets them for the container runtime; outside a container they mean nothing, and nobody sets them there."""
CDI_FOLDERS = ("/etc/cdi", "/var/run/cdi")


@collector
def container(host: Host, device_nodes: DeviceNodes | None) -> Container:
    """The container's engine, the driver files mounted into it, the NVIDIA_* variables, CDI, the device cgroup."""
    engine, marker = next(_markers(host), ("none", None))
    return Container(
        inside=engine != "none",
        engine=engine,
        marker=marker,
        injected=_injected(host),
        visible_devices=host.environ.get("NVIDIA_VISIBLE_DEVICES", ""),
        driver_capabilities=host.environ.get("NVIDIA_DRIVER_CAPABILITIES", ""),
        require_cuda=host.environ.get("NVIDIA_REQUIRE_CUDA", ""),
        require_disabled=bool(host.environ.get("NVIDIA_DISABLE_REQUIRE")),
        cdi_specs=tuple(path for folder in CDI_FOLDERS for path in host.glob(f"{folder}/*")),
        cgroup_denies_devices=_denied(device_nodes),
        sources={
            "inside": marker or "no marker of a container",
            "injected": "/proc/self/mountinfo",
            "visible_devices": "environment NVIDIA_VISIBLE_DEVICES",
            "driver_capabilities": "environment NVIDIA_DRIVER_CAPABILITIES",
            "require_cuda": "environment NVIDIA_REQUIRE_CUDA",
            "cgroup_denies_devices": "opening the device nodes",
        },
    )


def _markers(host: Host) -> Iterator[tuple[str, str]]:
    """What gives a container away, the surest first."""
    if host.environ.get("APPTAINER_CONTAINER") or host.environ.get("SINGULARITY_CONTAINER"):
        yield "apptainer", "environment APPTAINER_CONTAINER"
    if host.environ.get("KUBERNETES_SERVICE_HOST"):
        yield "kubernetes", "environment KUBERNETES_SERVICE_HOST"
    if _exists(host, "/run/.containerenv"):
        yield "podman", "/run/.containerenv"
    if _exists(host, "/.dockerenv"):
        yield "docker", "/.dockerenv"
    groups = _text(host, "/proc/1/cgroup")
    for pattern, engine in CGROUP:
        if pattern.search(groups):
            yield engine, "/proc/1/cgroup"
    said = _text(host, "/run/systemd/container").strip() or host.environ.get("container", "")
    if said and said not in ("wsl",):
        yield {"oci": "unknown"}.get(said, said), "/run/systemd/container or the variable container"
    if OVERLAY_ROOT.search(_text(host, "/proc/self/mountinfo")):
        yield "unknown", "the overlay root in /proc/self/mountinfo"
    for name in RUNTIME_VARIABLES:
        if host.environ.get(name):
            yield "unknown", f"environment {name}"


def _text(host: Host, path: str) -> str:
    try:
        return host.read(path)
    except OSError:
        return ""


def _exists(host: Host, path: str) -> bool:
    try:
        return host.exists(path)
    except OSError:
        return False


def _injected(host: Host) -> tuple[str, ...] | None:
    try:
        lines = host.read("/proc/self/mountinfo").splitlines()
    except OSError:
        return None
    points = [fields[4] for line in lines if len(fields := line.split()) > 4]
    return tuple(point for point in points if INJECTED.search(point))


def _denied(device_nodes: DeviceNodes | None) -> bool | None:
    """Permission bits refuse with EACCES; EPERM on opening a node is the device cgroup's answer."""
    if device_nodes is None:
        return None
    tried = [node for node in device_nodes.nodes if node.openable is not None]
    return any(node.error == "EPERM" for node in tried) if tried else None
