"""The CUDA driver API asked for real, of the fake driver in every state."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from envdoctor.collect.cuda_driver import cuda_driver
from envdoctor.collect.host import CannotLook, LiveHost
from envdoctor.collect.nvml import nvml
from envdoctor.collect.python_install import python_install
from envdoctor.collect.request import Request
from envdoctor.facts import CudaDriver

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import FakeDriver


def ask(driver: FakeDriver, **variables: str) -> CudaDriver:
    """The driver's answers with the fake one in the loader's path."""
    environ = {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": str(driver.lib), **variables}
    return cuda_driver(LiveHost(request=Request(python=sys.executable, probe_seconds=2.0), environ=environ))


def test_a_healthy_card(fake_driver: FakeDriver) -> None:
    found = ask(fake_driver)
    assert (found.init_code, found.driver_version, found.device_count) == (0, 13020, 1)
    assert found.library == str(fake_driver.lib / "libcuda.so.1")
    [device] = found.devices
    assert (device.name, device.compute_capability) == ("NVIDIA GeForce RTX 4090", "8.9")
    assert device.uuid
    assert device.pci_bus_id is not None
    assert device.pci_bus_id.endswith("01:00.0")


@pytest.mark.parametrize(("code", "name"), [(100, "NO_DEVICE"), (803, "SYSTEM_DRIVER_MISMATCH"), (999, "UNKNOWN")])
def test_the_code_is_kept_with_the_library_it_came_from(fake_driver: FakeDriver, code: int, name: str) -> None:
    found = ask(fake_driver, STUB_CUINIT=str(code))
    assert (found.init_code, found.library) == (code, str(fake_driver.lib / "libcuda.so.1"))
    assert name in (found.init_name or "")
    assert found.driver_version == 13020  # it is asked though cuInit failed


def test_a_mask_is_told_from_a_driver_that_fails(fake_driver: FakeDriver) -> None:
    hidden = ask(fake_driver, CUDA_VISIBLE_DEVICES="")
    assert (hidden.init_code, hidden.unmasked_init_code, hidden.unmasked_device_count) == (100, 0, 1)
    broken = ask(fake_driver, CUDA_VISIBLE_DEVICES="0", STUB_CUINIT="999")
    assert (broken.init_code, broken.unmasked_init_code) == (999, 999)


def test_without_a_mask_nothing_is_asked_twice(fake_driver: FakeDriver) -> None:
    assert ask(fake_driver).unmasked_init_code is None


@pytest.mark.parametrize(
    ("how", "kind", "signal"),
    [
        ("hang", "timeout", None),
        ("segv", "crashed", "SIGSEGV"),
        ("abort", "crashed", "SIGABRT"),
        ("exit:0", "crashed", None),
    ],
)
def test_cuinit_that_does_not_come_back_names_the_library(
    fake_driver: FakeDriver, how: str, kind: str, signal: str | None
) -> None:
    with pytest.raises(CannotLook) as raised:
        ask(fake_driver, STUB_CUINIT=how)
    problem = raised.value.problem
    assert (problem.kind, problem.stage, problem.signal) == (kind, "init", signal)
    assert str(fake_driver.lib / "libcuda.so.1") in problem.detail


def test_no_library_is_known_to_be_absent(tmp_path: object) -> None:
    host = LiveHost(request=Request(python=sys.executable), environ={"PATH": "/usr/bin:/bin"})
    found = cuda_driver(host)
    if found.library:
        pytest.skip("this machine has a driver")
    assert (found.library, found.init_code, found.devices) == ("", None, ())
    assert "libcuda.so.1" in (found.load_error or "")


def test_an_interpreter_that_cannot_be_started_is_another_facts_problem(
    fake_driver: FakeDriver, tmp_path: object
) -> None:
    environ = {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": str(fake_driver.lib)}
    host = LiveHost(request=Request(python=f"{tmp_path}/no-python"), environ=environ)
    assert cuda_driver(host).init_code == 0


def test_an_interpreter_that_ends_in_its_own_start_costs_nothing_of_the_driver(
    fake_driver: FakeDriver, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text("import os\nos._exit(0)\n")
    environ = {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": str(fake_driver.lib), "PYTHONPATH": str(tmp_path)}
    host = LiveHost(request=Request(python=sys.executable), environ=environ)
    assert cuda_driver(host).init_code == 0
    assert nvml(host).init_code == 0
    with pytest.raises(CannotLook, match="ends in its own start with exit code 0") as raised:
        python_install(host)
    assert (raised.value.problem.kind, raised.value.problem.stage) == ("crashed", None)
