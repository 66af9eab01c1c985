from __future__ import annotations

from pathlib import Path

import pytest

from envdoctor.collect.container import container
from envdoctor.facts import DeviceNode, DeviceNodes
from recorded import RecordedHost

OVERLAY = "22 1 0:50 / / rw - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A:/var/lib/docker/overlay2/l/B\n"


@pytest.mark.parametrize(
    ("files", "environ", "engine"),
    [
        ({"/.dockerenv": ""}, {}, "docker"),
        ({"/run/.containerenv": ""}, {}, "podman"),
        ({}, {"APPTAINER_CONTAINER": "/x.sif"}, "apptainer"),
        ({"/.dockerenv": ""}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "kubernetes"),
        ({"/proc/1/cgroup": "0::/kubepods.slice/pod1\n"}, {}, "kubernetes"),
        ({"/proc/1/cgroup": "12:cpu:/docker/0123abcd\n"}, {}, "docker"),
        ({"/run/systemd/container": "lxc\n"}, {}, "lxc"),
        ({"/proc/self/mountinfo": OVERLAY}, {}, "unknown"),
        ({"/proc/1/cgroup": "0::/init.scope\n"}, {}, "none"),
        ({}, {"NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}, "unknown"),
        ({}, {"NVIDIA_VISIBLE_DEVICES": "0"}, "none"),
        ({"/proc/self/mountinfo": "22 1 0:50 / / rw - overlay overlay rw,lowerdir=/run/live/rootfs\n"}, {}, "none"),
        ({}, {"container": "wsl"}, "none"),
    ],
)
def test_the_engine(tmp_path: Path, files: dict[str, str | bytes | None], environ: dict[str, str], engine: str) -> None:
    found = container(RecordedHost(tmp_path, files, environ=environ), None)
    assert (found.engine, found.inside) == (engine, engine != "none")


def test_what_the_runtime_put_in(tmp_path: Path) -> None:
    mounts = "".join(
        f"{i} 1 8:1 {path} {path} ro - ext4 /dev/sda1 ro\n"
        for i, path in enumerate(
            ("/usr/lib/x86_64-linux-gnu/libcuda.so.595.45.04", "/usr/bin/nvidia-smi", "/dev/nvidia0", "/etc/hosts")
        )
    )
    found = container(RecordedHost(tmp_path, {"/.dockerenv": "", "/proc/self/mountinfo": mounts}), None)
    assert found.injected == ("/usr/lib/x86_64-linux-gnu/libcuda.so.595.45.04", "/usr/bin/nvidia-smi", "/dev/nvidia0")
    assert container(RecordedHost(tmp_path, denied=("/proc/self/mountinfo",)), None).injected is None


def test_variables_and_cdi(tmp_path: Path) -> None:
    environ = {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_REQUIRE_CUDA": "cuda>=12.4", "NVIDIA_DISABLE_REQUIRE": "1"}
    found = container(RecordedHost(tmp_path, {"/etc/cdi/nvidia.yaml": ""}, environ=environ), None)
    assert (found.visible_devices, found.driver_capabilities, found.require_cuda) == ("all", "", "cuda>=12.4")
    assert (found.require_disabled, found.cdi_specs) == (True, ("/etc/cdi/nvidia.yaml",))


@pytest.mark.parametrize(
    ("node", "denies"),
    [
        (DeviceNode(path="/dev/nvidia0", exists=True, openable=False, error="EPERM"), True),
        (DeviceNode(path="/dev/nvidia0", exists=True, openable=False, error="EACCES"), False),
        (DeviceNode(path="/dev/nvidia0", exists=True, openable=True), False),
        (DeviceNode(path="/dev/nvidia0", exists=False), None),
    ],
)
def test_the_device_cgroup_answers_with_eperm(tmp_path: Path, node: DeviceNode, denies: bool | None) -> None:
    assert container(RecordedHost(tmp_path), DeviceNodes(nodes=(node,))).cgroup_denies_devices is denies
    assert container(RecordedHost(tmp_path), None).cgroup_denies_devices is None
