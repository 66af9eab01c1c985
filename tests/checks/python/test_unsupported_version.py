from __future__ import annotations

import msgspec
import pytest

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Distribution, Interpreter, Message, Messages, Packages, System, TorchInstall, TorchRuntime
from envdoctor_checks.python.unsupported_version import unsupported_version
from healthy import PYTHON, TORCH

NONE = TorchInstall(present=False)


@pytest.mark.parametrize(
    ("change", "title"),
    [
        ({"libc": "musl 1.2.4"}, "This Python uses musl 1.2.4; torch's wheels need glibc"),
        ({"bits": 32}, "This Python is a 32-bit one; torch's wheels are 64-bit only"),
        ({"implementation": "pypy"}, "This Python is pypy; torch's CUDA wheels are for CPython"),
    ],
)
def test_fires_where_no_wheel_fits(change: dict[str, object], title: str) -> None:
    [finding] = judge(unsupported_version, msgspec.structs.replace(PYTHON, **change), NONE).findings
    assert finding.title == title


def test_fires_on_a_python_that_is_too_new() -> None:
    [finding] = judge(unsupported_version, msgspec.structs.replace(PYTHON, version="3.99.0"), NONE).findings
    assert finding.title.startswith("This is Python 3.99; torch ")


def test_fires_on_pips_words() -> None:
    text = "ERROR: No matching distribution found for torch"
    said = Messages(messages=(Message(key="pip-no-distribution-of-torch", text=text),))
    [finding] = judge(unsupported_version, said).findings
    assert (finding.title, finding.confidence) == (text, "likely")


def test_silent_on_a_supported_python_and_with_a_cuda_build_whatever_the_python() -> None:
    assert judge(unsupported_version, PYTHON, NONE).findings == ()
    assert judge(unsupported_version, msgspec.structs.replace(PYTHON, version="3.99.0"), TORCH).findings == ()


def test_skipped_where_the_version_is_unknown() -> None:
    assert judge(unsupported_version, Interpreter(path="/usr/bin/python3")).result.status == "skipped"


def test_silent_on_an_old_python_that_old_torches_served() -> None:
    old = Interpreter(path="python3", version="3.5.3")
    assert judge(unsupported_version, old, TorchRuntime(cuda_available=False)).findings == ()
    assert judge(unsupported_version, old).findings == ()
    assert len(judge(unsupported_version, old, NONE).findings) == 1


def sees_none(version: str, system: System) -> list[str]:
    packages = Packages(distributions=(Distribution(name="tensorflow", version=version, location=""),))
    said = Messages(messages=(Message(key="tensorflow-gpu-list-empty", text="[]"),))
    return [finding.title for finding in judge(unsupported_version, packages, system, said).findings]


def test_fires_on_tensorflow_on_windows_since_2_11_only() -> None:
    windows = System(platform="windows")
    assert sees_none("2.14.0", windows) == ["TensorFlow 2.14.0 has no GPU build for Windows; 2.10 was the last"]
    assert sees_none("2.10.1", windows) == []
    assert sees_none("2.14.0", System(platform="linux")) == []
