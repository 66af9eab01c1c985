"""The container around us, if there is one."""

from __future__ import annotations

from typing import ClassVar

from envdoctor.facts.base import Fact


class Container(Fact, frozen=True, kw_only=True):
    """Whether this is a container, and what of the driver was put into it."""

    default_source: ClassVar[str] = "container markers"

    inside: bool | None = None
    engine: str | None = None
    """``docker``, ``podman``, ``kubernetes``, ``containerd``, ``lxc``, ``apptainer``, ``systemd-nspawn``, ``unknown``; ``none`` outside."""
    marker: str | None = None
    """What gave it away: ``/.dockerenv``, ``/proc/1/cgroup`` …"""
    injected: tuple[str, ...] | None = None
    """Driver files and device nodes that are mounts of their own (/proc/self/mountinfo): what a runtime hook put in."""
    visible_devices: str | None = None
    """NVIDIA_VISIBLE_DEVICES; empty: not set."""
    driver_capabilities: str | None = None
    """NVIDIA_DRIVER_CAPABILITIES; empty: not set."""
    require_cuda: str | None = None
    """NVIDIA_REQUIRE_CUDA; empty: not set."""
    require_disabled: bool | None = None
    """NVIDIA_DISABLE_REQUIRE is set."""
    cdi_specs: tuple[str, ...] | None = None
    """CDI specification files in /etc/cdi and /var/run/cdi."""
    cgroup_denies_devices: bool | None = None
    """A node's permission bits allow opening it and the kernel answers EPERM: the device cgroup forbids it."""
    gpus_requested: bool | None = None
    """Whether the command that started it asked for a GPU (read from reports)."""
    runtime_error: str | None = None
    """What docker, podman or containerd said when it could not start a GPU container (read from reports)."""
