from __future__ import annotations

from pathlib import Path

import pytest

from envdoctor.collect.system import system
from recorded import RecordedHost

BARE_CPU = "processor\t: 0\nflags\t\t: fpu vme de\n"
VIRTUAL_CPU = "processor\t: 0\nflags\t\t: fpu vme hypervisor lahf_lm\n"
ARM_CPU = "processor\t: 0\nFeatures\t: fp asimd\n"
UBUNTU = 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID="22.04"\nPRETTY_NAME="Ubuntu 22.04.4 LTS"\n'
DMI = "/sys/class/dmi/id/sys_vendor"


def test_a_workstation(tmp_path: Path) -> None:
    host = RecordedHost(
        tmp_path,
        {
            "/etc/os-release": UBUNTU,
            "/proc/sys/kernel/osrelease": "6.8.0-60-generic\n",
            "/proc/version": "Linux version 6.8.0-60-generic\nmore\n",
            "/proc/cpuinfo": BARE_CPU,
            "/proc/stat": "cpu 1\nbtime 1700000000\n",
            DMI: "Dell Inc.\n",
        },
    )
    found = system(host)
    assert (found.distribution, found.distribution_like, found.distribution_version) == ("ubuntu", ("debian",), "22.04")
    assert (found.kernel, found.kernel_build) == ("6.8.0-60-generic", "Linux version 6.8.0-60-generic")
    assert (found.hypervisor, found.wsl, found.jetson, found.boot_time) == ("none", 0, False, 1700000000.0)


@pytest.mark.parametrize(
    ("cpu", "vendor", "hypervisor"),
    [
        (VIRTUAL_CPU, "QEMU", "kvm"),
        (VIRTUAL_CPU, "VMware, Inc.", "vmware"),
        (VIRTUAL_CPU, "Amazon EC2", "amazon"),
        (VIRTUAL_CPU, "", "unknown-vm"),
        (BARE_CPU, "Amazon EC2", "none"),  # a bare-metal instance
        (BARE_CPU, "Google", "none"),
        (ARM_CPU, "NVIDIA", "none"),
        (ARM_CPU, "Google", "google"),
    ],
)
def test_the_hypervisor(tmp_path: Path, cpu: str, vendor: str, hypervisor: str) -> None:
    assert system(RecordedHost(tmp_path, {"/proc/cpuinfo": cpu, DMI: vendor})).hypervisor == hypervisor


def test_a_hypervisor_that_nothing_tells_is_unknown(tmp_path: Path) -> None:
    assert system(RecordedHost(tmp_path)).hypervisor is None


@pytest.mark.parametrize(
    ("kernel", "wsl"),
    [
        ("5.15.167.4-microsoft-standard-WSL2", 2),
        ("4.4.0-19041-Microsoft", 1),
        ("6.8.0-60-generic", 0),
        ("6.6.36.3-microsoft-standard-WSL2+", 2),
    ],
)
def test_wsl(tmp_path: Path, kernel: str, wsl: int) -> None:
    assert system(RecordedHost(tmp_path, {"/proc/sys/kernel/osrelease": kernel + "\n"})).wsl == wsl


def test_a_jetson(tmp_path: Path) -> None:
    compatible = "nvidia,p3737-0000+p3701-0005\0nvidia,tegra234\0"
    assert system(RecordedHost(tmp_path, {"/proc/device-tree/compatible": compatible})).jetson is True


@pytest.mark.parametrize(("variable", "state"), [(b"\x06\0\0\0\x01", True), (b"\x06\0\0\0\x00", False)])
def test_secure_boot(tmp_path: Path, variable: bytes, state: bool) -> None:
    path = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
    assert system(RecordedHost(tmp_path, {path: variable})).secure_boot is state
    assert system(RecordedHost(tmp_path, denied=(path,))).secure_boot is None


def test_secure_boot_is_unknown_without_efi(tmp_path: Path) -> None:
    assert system(RecordedHost(tmp_path)).secure_boot is None


@pytest.mark.parametrize(("text", "chassis"), [("10\n", 10), ("", None), ("Other\n", None)])
def test_the_housing(tmp_path: Path, text: str, chassis: int | None) -> None:
    assert system(RecordedHost(tmp_path, {"/sys/class/dmi/id/chassis_type": text})).chassis == chassis
    assert system(RecordedHost(tmp_path / "bare")).chassis is None


@pytest.mark.parametrize(
    ("files", "environ", "wsl"),
    [
        ({"/proc/version": "Linux version 5.15.90.1-microsoft-standard-WSL2 (x@y) #1"}, {}, 2),
        ({"/proc/version": "Linux version 4.4.0-19041-Microsoft"}, {}, 1),
        ({"/dev/dxg": "", "/usr/lib/wsl/lib/libcuda.so.1": ""}, {}, 2),
        ({"/dev/dxg": ""}, {"WSL_DISTRO_NAME": "Ubuntu"}, 2),
        ({"/dev/dxg": ""}, {}, 0),
        ({}, {"WSL_DISTRO_NAME": "Ubuntu"}, 0),
    ],
)
def test_wsl_with_a_kernel_of_ones_own(
    tmp_path: Path, files: dict[str, str], environ: dict[str, str], wsl: int
) -> None:
    host = RecordedHost(tmp_path, {"/proc/sys/kernel/osrelease": "6.6.1-mine\n", **files}, environ=environ)
    assert system(host).wsl == wsl
