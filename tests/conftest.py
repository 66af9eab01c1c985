"""Fixtures that many tests share."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
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
