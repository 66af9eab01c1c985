"""Commands that mend: right for the interpreter, the driver, the GPUs and the distribution."""

from __future__ import annotations

import shlex

import pytest

from envdoctor.diagnose import driver_remedy, remedy
from envdoctor.diagnose.api import Fix
from envdoctor.facts import Container, Interpreter, System
from envdoctor.knowledge.releases import releases

VENV = "/opt/venv/bin/python"
NEWEST = next(reversed(releases().values()))


def interpreter(version: str = "3.12.3", path: str = VENV, **more: object) -> Interpreter:
    return Interpreter(path=path, version=version, has_pip=more.pop("has_pip", True), **more)  # type: ignore[arg-type]


def test_pip_install_names_the_interpreter() -> None:
    assert remedy.pip_install(interpreter(), "torch==2.9.1") == f"{VENV} -m pip install torch==2.9.1"
    assert remedy.pip_install(None, "torch") == "python3 -m pip install torch"


def test_one_wheel_is_put_back_without_what_it_depends_on() -> None:
    """cuDNN's wheel asks for any cuBLAS: a forced reinstallation would take the newest, which torch does not fit."""
    command = remedy.pip_install(interpreter(), "nvidia-cudnn-cu12==9.1.0.70", reinstall=True, alone=True)
    assert command == f"{VENV} -m pip install --force-reinstall --no-deps nvidia-cudnn-cu12==9.1.0.70"
    fresh = Interpreter(path="/usr/bin/python3", externally_managed=True)
    assert "--no-deps" not in remedy.pip_install(fresh, "nvidia-cudnn-cu12==9.1.0.70", reinstall=True, alone=True)


def test_pip_install_quotes() -> None:
    command = remedy.pip_install(interpreter(path="/home/a b/bin/python"), "numpy<2", index="https://x.example/a&b")
    assert shlex.split(command) == [
        "/home/a b/bin/python", "-m", "pip", "install", "numpy<2", "--index-url", "https://x.example/a&b",
    ]  # fmt: skip


def test_pip_uninstall() -> None:
    assert remedy.pip_uninstall(interpreter(), "torch", "triton") == f"{VENV} -m pip uninstall -y torch triton"


def test_an_environment_without_pip_is_uvs() -> None:
    without = interpreter(has_pip=False)
    assert remedy.pip_install(without, "torch", reinstall=True) == f"uv pip install --python {VENV} --reinstall torch"
    assert remedy.pip_uninstall(without, "torch") == f"uv pip uninstall --python {VENV} torch"


def test_an_externally_managed_python_gets_a_virtual_environment() -> None:
    system = interpreter(path="/usr/bin/python3", externally_managed=True, virtual_env=False)
    assert remedy.pip_install(system, "torch", reinstall=True) == (
        "/usr/bin/python3 -m venv .venv && .venv/bin/python -m pip install torch"
    )


def wheel(python: str = "3.12.3", machine: str | None = None, libc: str | None = None, **wanted: object) -> str:
    wanted.setdefault("driver_cuda", None)
    fix = remedy.torch_wheel(interpreter(python, machine=machine, libc=libc), **wanted)  # type: ignore[arg-type]
    assert fix.command is not None
    return fix.command.removeprefix(f"{VENV} -m pip install --force-reinstall ")


def index(variant: str) -> str:
    return f"--index-url https://download.pytorch.org/whl/{variant}"


def test_the_plain_index_suffices_where_its_variant_runs() -> None:
    assert wheel(NEWEST.pythons[0], driver_cuda=99000) == f"torch=={NEWEST.version}"
    assert wheel(driver_cuda=12040, torch_version="2.5.1+cpu") == "torch==2.5.1"


def test_minor_version_compatibility_is_counted() -> None:
    assert wheel(driver_cuda=12000, torch_version="2.9.1") == "torch==2.9.1"  # built for CUDA 12.8


def test_a_driver_of_an_older_major_gets_the_highest_variant_it_runs() -> None:
    assert wheel(driver_cuda=11040, torch_version="2.5.1") == f"torch==2.5.1 {index('cu118')}"
    assert wheel(driver_cuda=12080, torch_version="2.13.0").endswith(index("cu126"))


def test_another_release_where_the_asked_one_cannot_work() -> None:
    assert wheel(driver_cuda=11040, torch_version="2.9.1") == f"torch==2.7.1 {index('cu118')}"


@pytest.mark.parametrize(
    ("cc", "driver_cuda", "torch_version", "command"),
    [
        ("8.9", 12040, "2.5.1", "torch==2.5.1"),
        ("12.0", 12080, "2.7.1", f"torch==2.7.1 {index('cu128')}"),  # the default cu126 has no Blackwell code
        ("7.0", 13000, "2.9.1", "torch==2.9.1"),
        ("6.1", 13000, "2.9.1", f"torch==2.9.1 {index('cu126')}"),  # cu128 dropped Pascal
        ("3.7", 11040, "2.5.1", f"torch==2.5.1 {index('cu118')}"),
    ],
)
def test_the_variant_has_code_for_the_gpu(cc: str, driver_cuda: int, torch_version: str, command: str) -> None:
    assert wheel(compute_capabilities=[cc], driver_cuda=driver_cuda, torch_version=torch_version) == command


def test_every_gpu_counts() -> None:
    assert wheel(compute_capabilities=["6.1", "9.0"], driver_cuda=13000, torch_version="2.9.1").endswith(index("cu126"))


def test_the_release_has_a_wheel_for_the_python_and_the_libc() -> None:
    assert wheel("3.8.18", driver_cuda=12040).startswith("torch==2.4.1")
    assert wheel(libc="glibc 2.17", driver_cuda=12040) == "torch==2.6.0"


def test_the_plain_index_has_no_cuda_for_windows_nor_for_older_arm() -> None:
    assert wheel(machine="AMD64", driver_cuda=12040, torch_version="2.9.1") == f"torch==2.9.1 {index('cu128')}"
    assert "--index-url" in wheel(machine="aarch64", driver_cuda=12080)


def test_companions_come_in_the_release_that_fits() -> None:
    command = wheel(
        driver_cuda=12040, torch_version="2.5.1", with_companions=["torchvision", "torchaudio", "unheard-of"]
    )
    assert command == "torch==2.5.1 torchvision==0.20.1 torchaudio==2.5.1"


@pytest.mark.parametrize(
    ("python", "libc", "driver_cuda", "cc", "text"),
    [
        ("3.6.15", None, 13000, "9.0", "Make an environment with Python"),
        ("3.12.3", None, 9000, "7.5", "Install NVIDIA driver 580.65.06 or newer"),
        ("3.12.3", "musl 1.2.4", 12040, "8.0", "Use a system with glibc 2.28 or newer"),
        ("3.12.3", None, 13000, "3.0", "Build torch from source"),
    ],
)
def test_what_to_change_where_no_build_works(
    python: str, libc: str | None, driver_cuda: int, cc: str, text: str
) -> None:
    fix = remedy.torch_wheel(interpreter(python, libc=libc), driver_cuda=driver_cuda, compute_capabilities=[cc])
    assert fix.text.startswith(text)
    assert fix.command is None


def test_a_machine_that_no_wheel_is_made_for() -> None:
    fix = remedy.torch_wheel(interpreter(machine="ppc64le"), driver_cuda=12040)
    assert fix.text == "Build torch from source: there is no published build on ppc64le"


@pytest.mark.parametrize(
    ("distribution", "like", "command"),
    [
        ("ubuntu", ("debian",), "sudo ubuntu-drivers install"),
        ("pop", ("ubuntu", "debian"), "sudo ubuntu-drivers install"),
        ("debian", (), "sudo apt install nvidia-driver"),
        ("kali", ("debian",), "sudo apt install nvidia-driver"),
        ("rocky", ("rhel", "centos", "fedora"), "sudo dnf module install nvidia-driver:latest-dkms"),
        ("endeavouros", ("arch",), "sudo pacman -Syu nvidia-open nvidia-utils"),
    ],
)
def test_install_driver_by_distribution(distribution: str, like: tuple[str, ...], command: str) -> None:
    fix = driver_remedy.install_driver(System(distribution=distribution, distribution_like=like, uid=1000))
    assert fix.command == command


@pytest.mark.parametrize("distribution", ["nixos", "amzn", None])
def test_elsewhere_the_vendors_page(distribution: str | None) -> None:
    fix = driver_remedy.install_driver(System(distribution=distribution, distribution_like=()), at_least="525.60.13")
    assert fix == Fix("Install NVIDIA driver 525.60.13 or newer from https://www.nvidia.com/drivers")
    assert driver_remedy.install_driver(None).command is None


def test_a_lowest_version_asks_for_a_branch_that_is_supported() -> None:
    ubuntu = System(distribution="ubuntu", uid=0)
    assert driver_remedy.install_driver(ubuntu, at_least="525.60.13").command == "apt install nvidia-driver-580"
    assert driver_remedy.supported_branch("590.44.01") == 595
    assert driver_remedy.supported_branch("700.1") == 700


def test_on_wsl_the_driver_belongs_to_windows() -> None:
    fix = driver_remedy.install_driver(System(distribution="ubuntu", wsl=2))
    assert fix.command is None
    assert "on Windows" in fix.text


def test_small_ways_out() -> None:
    assert driver_remedy.load_module(System(uid=1000)).command == "sudo modprobe -a nvidia nvidia_uvm"
    assert driver_remedy.load_module(System(uid=0)).command == "modprobe -a nvidia nvidia_uvm"
    assert driver_remedy.reboot().command == "sudo reboot"
    assert remedy.rerun_container(None).command == "docker run --gpus all IMAGE"
    assert remedy.rerun_container(None, jetson=True).command == "docker run --runtime nvidia IMAGE"
    assert remedy.unset_variable("CUDA_VISIBLE_DEVICES").command == "unset CUDA_VISIBLE_DEVICES"
    for engine, beginning in (
        ("podman", "podman "),
        ("apptainer", "apptainer "),
        ("lxc", "lxc "),
        ("docker", "docker "),
    ):
        command = remedy.rerun_container(Container(inside=True, engine=engine)).command or ""
        assert command.startswith(beginning)


def test_from_a_container_the_driver_is_mended_on_the_host() -> None:
    inside = Container(inside=True, engine="docker")
    driver = driver_remedy.install_driver(System(distribution="ubuntu"), container=inside)
    assert driver.command is None
    assert "on the host" in driver.text
    assert driver_remedy.reboot(container=inside).command == "sudo reboot  # on the host"


@pytest.mark.parametrize(
    ("distribution", "version", "open_module", "command"),
    [
        ("ubuntu", "595.45.04", True, "sudo apt install nvidia-driver-595-open"),
        ("ubuntu", "595.45.04", False, "sudo apt install nvidia-driver-595"),
        ("ubuntu", "", True, "sudo apt install nvidia-driver-580-open"),
        ("debian", "595.45.04", True, "sudo apt install nvidia-open-kernel-dkms"),
        ("arch", "595.45.04", True, None),
    ],
)
def test_the_other_flavour_is_of_the_branch_that_is_there(
    distribution: str, version: str, open_module: bool, command: str | None
) -> None:
    assert (
        driver_remedy.install_flavour(System(distribution=distribution), version, open_module=open_module).command
        == command
    )
