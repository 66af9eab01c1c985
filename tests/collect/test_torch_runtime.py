"""torch imported in stages: a stand-in that misbehaves, and the real one."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envdoctor.collect.host import CannotLook, LiveHost
from envdoctor.collect.request import Request
from envdoctor.collect.torch_runtime import torch_runtime
from envdoctor.facts import MappedFiles, TorchRuntime

if TYPE_CHECKING:
    from conftest import FakeDriver


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A torch 2.5.1+cu124 of a few kilobytes."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    from fake_torch import build

    site = tmp_path_factory.mktemp("site")
    build(site, "cu124")
    return site


def look(site: Path, driver: FakeDriver, seconds: float = 5.0, **variables: str) -> tuple[TorchRuntime, MappedFiles]:
    environ = {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": str(driver.lib), "PYTHONPATH": str(site), **variables}
    return torch_runtime(LiveHost(request=Request(python=sys.executable, probe_seconds=seconds), environ=environ))


def test_every_stage_of_a_torch_that_works(stand_in: Path, fake_driver: FakeDriver) -> None:
    runtime, mapped = look(stand_in, fake_driver)
    assert [stage.status for stage in runtime.stages] == ["ok"] * len(runtime.stages)
    assert (runtime.version, runtime.cuda, runtime.works, runtime.device_count) == ("2.5.1+cu124", "12.4", True, 1)
    assert (runtime.cudnn_compiled, runtime.cudnn_loaded) == ("9.1.0", "9.1.0")
    assert mapped.complete
    assert {"libcudart.so.12", "libcudnn.so.9"} <= {Path(file.path).name for file in mapped.files}
    assert {file.opened_by for file in mapped.files if "libtorch_global_deps" in file.path} <= {
        "_load_global_deps of torch"
    }


@pytest.mark.parametrize(
    ("how", "status", "signal"),
    [
        ("segv", "crashed", "SIGSEGV"),
        ("abort", "crashed", "SIGABRT"),
        ("exit:0", "crashed", None),
        ("raise", "failed", None),
    ],
)
def test_an_import_that_dies_is_told_with_its_stage_and_what_it_had_mapped(
    stand_in: Path, fake_driver: FakeDriver, how: str, status: str, signal: str | None
) -> None:
    runtime, mapped = look(stand_in, fake_driver, FAKE_TORCH=how)
    stage = runtime.stage("import")
    assert stage is not None
    assert (stage.status, stage.signal) == (status, signal)
    assert runtime.works is None
    assert not mapped.complete or how == "raise"


def test_an_import_that_hangs_tells_where(stand_in: Path, fake_driver: FakeDriver) -> None:
    runtime, _ = look(stand_in, fake_driver, seconds=1.0, FAKE_TORCH="hang")
    stage = runtime.stage("import")
    assert stage is not None
    assert stage.status == "hung"
    assert "torch/__init__.py" in (stage.frame or "")


def test_a_driver_that_hangs_costs_nothing_that_is_known_without_it(
    fake_driver: FakeDriver, tmp_path: Path, stand_in: Path
) -> None:
    from fake_torch import build

    build(tmp_path, "cu132")  # whose look at cuDNN asks for devices
    runtime, mapped = look(tmp_path, fake_driver, seconds=2.0, STUB_CUINIT="hang")
    assert [stage.name for stage in runtime.stages if stage.status == "hung"] == ["cuda-init"]
    assert runtime.cudnn_loaded is not None
    assert mapped.complete


@pytest.mark.parametrize("how", ["garbage", "json", "fork"])
def test_noise_and_offspring_change_nothing(stand_in: Path, fake_driver: FakeDriver, how: str) -> None:
    runtime, _ = look(stand_in, fake_driver, FAKE_TORCH=how)
    assert (runtime.version, runtime.works) == ("2.5.1+cu124", True)


def test_no_torch_at_all_is_the_error_as_it_was_said(tmp_path: Path, fake_driver: FakeDriver) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(
        "raise ImportError('libcudnn.so.9: cannot open shared object file')"
    )
    runtime, _ = look(tmp_path, fake_driver)
    stage = runtime.stage("import")
    assert stage is not None
    assert (stage.status, stage.error_type) == ("failed", "ImportError")
    assert stage.error == "libcudnn.so.9: cannot open shared object file"
    assert [stage.name for stage in runtime.stages if stage.status == "ok"] == ["libraries"]


def test_a_torch_without_its_core_is_still_asked_for_its_devices(tmp_path: Path, fake_driver: FakeDriver) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text(
        "import types\n__version__ = '2.5.1+cu124'\nversion = types.SimpleNamespace(cuda='12.4', hip=None)\n"
        "def init(): raise RuntimeError('No CUDA GPUs are available')\n"
        "cuda = types.SimpleNamespace(is_available=lambda: False, device_count=lambda: 0, init=init)\n"
    )
    runtime, _ = look(tmp_path, fake_driver)
    assert (runtime.cuda, runtime.cuda_available, runtime.device_count) == ("12.4", False, 0)
    stage = runtime.stage("cuda-init")
    assert stage is not None
    assert stage.error == "No CUDA GPUs are available"


def test_warnings_are_kept_as_they_were_said(tmp_path: Path, fake_driver: FakeDriver) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("import warnings; warnings.warn('the driver is too old'); 1/0")
    runtime, _ = look(tmp_path, fake_driver)
    assert runtime.warnings == ("UserWarning: the driver is too old",)


def test_an_interpreter_that_is_none_is_a_problem(tmp_path: Path) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexit 7\n")
    program.chmod(0o755)
    with pytest.raises(CannotLook) as raised:
        torch_runtime(LiveHost(request=Request(python=str(program))))
    assert "7" in raised.value.problem.detail


def test_the_real_one(torch_python: str) -> None:
    runtime, mapped = torch_runtime(LiveHost(request=Request(python=torch_python)))
    assert runtime.stage("import") is not None
    assert [stage.status for stage in runtime.stages] == ["ok"] * len(runtime.stages)
    assert any("libtorch" in file.path for file in mapped.files)
