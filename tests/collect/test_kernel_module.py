from __future__ import annotations

from pathlib import Path

import pytest

from envdoctor.collect.kernel_module import kernel_module
from envdoctor.read.kernel_log import parse_version
from recorded import RecordedHost

PROPRIETARY = (
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\nGCC version: 12\n"
)
OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  595.45.04  Release Build  (dvs-builder)\nGCC version: 13\n"
MODULES = "nvidia_uvm 1544192 0 - Live 0x0\nnvidia 56717312 2 nvidia_uvm, Live 0x0\nsnd 1 0 - Live 0x0\n"
RUNNING = {"/proc/sys/kernel/osrelease": "6.8.0-60-generic\n"}


@pytest.mark.parametrize(
    ("text", "version", "is_open"),
    [
        (PROPRIETARY, "535.183.01", False),
        (OPEN, "595.45.04", True),
        ("NVRM version: NVIDIA UNIX aarch64 Kernel Module  540.4.0  Release Build", "540.4.0", False),
        ("", None, False),
        ("NVRM version: nonsense", None, False),
    ],
)
def test_versions_as_the_module_says_them(text: str, version: str | None, is_open: bool) -> None:
    assert parse_version(text) == (version, is_open)


def test_a_loaded_module(tmp_path: Path) -> None:
    host = RecordedHost(
        tmp_path,
        {
            **RUNNING,
            "/proc/driver/nvidia/version": OPEN,
            "/proc/driver/nvidia/gpus/0000:01:00.0": None,
            "/proc/modules": MODULES,
            "/lib/modules/6.8.0-60-generic/updates/dkms/nvidia.ko.zst": "",
        },
    )
    found = kernel_module(host)
    assert (found.loaded, found.version, found.flavour) == (True, "595.45.04", "open")
    assert (found.uvm_loaded, found.nouveau_loaded, found.peermem_loaded) == (True, False, False)
    assert found.proc_gpus == ("0000:01:00.0",)
    assert found.installed_file == "/lib/modules/6.8.0-60-generic/updates/dkms/nvidia.ko.zst"


def test_a_module_of_another_kernel_only(tmp_path: Path) -> None:
    host = RecordedHost(
        tmp_path,
        {
            **RUNNING,
            "/proc/modules": "snd 1 0 - Live 0x0\n",
            "/lib/modules/6.8.0-60-generic/kernel": None,
            "/lib/modules/6.8.0-58-generic/updates/dkms/nvidia.ko": "",
        },
    )
    found = kernel_module(host)
    assert (found.loaded, found.installed_file, found.installed_kernels) == (False, "", ("6.8.0-58-generic",))


def test_a_kernel_without_a_list_of_modules_tells_by_sys(tmp_path: Path) -> None:
    found = kernel_module(RecordedHost(tmp_path, {"/sys/module/nouveau": None, "/sys/module/kernel": None}))
    assert (found.loaded, found.nouveau_loaded) == (False, True)


def test_nothing_to_read_is_unknown(tmp_path: Path) -> None:
    found = kernel_module(RecordedHost(tmp_path))
    assert (found.loaded, found.uvm_loaded, found.nouveau_loaded, found.installed_file, found.dkms) == (None,) * 5


def test_dkms_added_built_and_installed(tmp_path: Path) -> None:
    host = RecordedHost(
        tmp_path,
        {
            "/var/lib/dkms/nvidia/550.54.14/source": None,
            "/var/lib/dkms/nvidia/535.54.03/6.8.0-58-generic/x86_64/module": None,
            "/var/lib/dkms/nvidia/560.35.03/6.8.0-60-generic/x86_64/module": None,
            "/lib/modules/6.8.0-60-generic/updates/dkms/nvidia.ko": "",
        },
    )
    states = {(module.version, module.kernel): module.state for module in kernel_module(host).dkms or ()}
    assert states == {
        ("550.54.14", None): "added",
        ("535.54.03", "6.8.0-58-generic"): "built",
        ("560.35.03", "6.8.0-60-generic"): "installed",
    }
