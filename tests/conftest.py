"""Fixtures that many tests share."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"


@dataclass(frozen=True)
class FakeDriver:
    """The built fake driver: folders with the libraries and with nvidia-smi."""

    lib: Path
    bin: Path


@pytest.fixture(scope="session")
def fake_driver(tmp_path_factory: pytest.TempPathFactory) -> FakeDriver:
    """fixtures/fake-driver, compiled once."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    out = tmp_path_factory.mktemp("fake-driver")
    subprocess.run(["sh", str(FIXTURES / "fake-driver" / "build.sh"), str(out)], check=True)
    return FakeDriver(lib=out / "lib", bin=out / "bin")


@pytest.fixture(scope="session")
def builds(fake_driver: FakeDriver) -> Iterator[Path]:
    """The stand-ins for torch, the decoys, and a copy of the fake driver that every user can read."""
    from fake_torch import BUILDS, build, decoy
    from parts import COMPAT, PLACE, STUBS, WSL_LIBRARIES

    for name in BUILDS:
        build(PLACE / name, name)
    decoy(PLACE / "decoys-cudnn", "libcudnn_graph.so.9", "9.0.0")
    decoy(PLACE / "decoys-nvjitlink", "libnvJitLink.so.12", "12.1.105")
    decoy(PLACE / "decoys13", "libcudnn.so.9", "9.0.0")
    decoy(PLACE / "decoys13", "libnvJitLink.so.13", "13.0.0")
    decoy(PLACE / "toolkit", "libcudart.so.13", "13.0.0")
    shutil.copytree(fake_driver.lib, PLACE / "driver" / "lib")
    for folder in (COMPAT, STUBS, WSL_LIBRARIES):
        shutil.copytree(fake_driver.lib, PLACE / "driver" / folder.lstrip("/"))
    yield PLACE
    shutil.rmtree(PLACE)


@pytest.fixture(scope="session")
def torch_python() -> str:
    """An interpreter that has torch: the one that runs the tests, where `make test` installed it."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed")
    return sys.executable


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--rewrite-goldens``: write the expected reports anew (make goldens)."""
    parser.addoption("--rewrite-goldens", action="store_true")


@pytest.fixture
def rewrite_goldens(request: pytest.FixtureRequest) -> bool:
    """Whether expected reports are to be written anew."""
    return bool(request.config.getoption("--rewrite-goldens"))
