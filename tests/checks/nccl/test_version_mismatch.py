from __future__ import annotations

import pytest

from envdoctor.diagnose.testing import judge
from envdoctor.facts import (
    Distribution,
    Environment,
    Interpreter,
    LoadedLibraries,
    LoadedLibrary,
    Message,
    Messages,
    MissingLibraries,
    MissingLibrary,
    Packages,
    Pin,
    TorchInstall,
    TorchRuntime,
)
from envdoctor_checks.nccl.version_mismatch import version_mismatch

SITE = "/opt/venv/lib/python3.11/site-packages"
OWN = f"{SITE}/nvidia/nccl/lib/libnccl.so.2"
PYTHON = Interpreter(path="/opt/venv/bin/python", has_pip=True)
TORCH = TorchRuntime(version="2.5.1+cu124", cuda="12.4", nccl_compiled="2.21.5")


def install(installed: str) -> TorchInstall:
    pin = Pin(name="nvidia-nccl-cu12", specifier="==2.21.5", installed=installed, satisfied=installed == "2.21.5")
    return TorchInstall(version="2.5.1+cu124", cuda="12.4", location=SITE, pins=(pin,))


def symbol(path: str = OWN, why: str = "DT_RPATH of libtorch_cuda.so") -> MissingLibraries:
    one = MissingLibrary(
        name="libnccl.so.2",
        kind="symbol",
        symbol="ncclCommRegister",
        needed_by=f"{SITE}/torch/lib/libtorch_cuda.so",
        searched=(f"{path.rpartition('/')[0]} ({why})",),
        copies=(path,),
    )
    return MissingLibraries(missing=(one,))


def loaded(version: str | None) -> LoadedLibraries:
    return LoadedLibraries(
        libraries=(LoadedLibrary(name="nccl", path=OWN, version=version, reason="DT_RPATH of libtorch_cuda.so"),)
    )


def test_fires_on_an_older_wheel() -> None:
    [finding] = judge(version_mismatch, symbol(), install("2.18.1"), PYTHON).findings
    assert finding.title == "libtorch_cuda.so calls ncclCommRegister; NCCL 2.18.1 does not have it"
    assert finding.severity == "error"
    assert (
        finding.fix[0].command
        == "/opt/venv/bin/python -m pip install --force-reinstall --no-deps nvidia-nccl-cu12==2.21.5"
    )


def test_names_the_file_where_another_wheel_overwrote_it() -> None:
    packages = Packages(
        distributions=(
            Distribution(name="nvidia-nccl-cu11", version="2.14.3", location=SITE),
            Distribution(name="nvidia-nccl-cu12", version="2.21.5", location=SITE),
        )
    )
    [finding] = judge(version_mismatch, symbol(), install("2.21.5"), packages).findings
    assert (
        finding.title == "libtorch_cuda.so calls ncclCommRegister; /opt/…/nvidia/nccl/lib/libnccl.so.2 does not have it"
    )
    assert {"nvidia-nccl-cu11 2.14.3", "nvidia-nccl-cu12 2.21.5"} <= {one.value for one in finding.evidence}


def test_fires_on_a_foreign_copy() -> None:
    paths = Environment(variables={"LD_LIBRARY_PATH": "/opt/old"})
    [finding] = judge(
        version_mismatch, symbol("/opt/old/libnccl.so.2", "LD_LIBRARY_PATH"), install("2.21.5"), paths
    ).findings
    assert finding.title == "libtorch_cuda.so calls ncclCommRegister; /opt/old/libnccl.so.2 does not have it"
    assert finding.fix[0].command == "unset LD_LIBRARY_PATH"


def test_what_is_mapped_decides() -> None:
    preloaded = LoadedLibrary(
        name="nccl", path="/opt/old/libnccl.so.2", version="2.18.1", reason="LD_PRELOAD", bundled=OWN
    )
    [finding] = judge(version_mismatch, symbol(), LoadedLibraries(libraries=(preloaded,)), install("2.21.5")).findings
    assert finding.title == "libtorch_cuda.so calls ncclCommRegister; NCCL 2.18.1 does not have it"
    assert finding.fix[0].command == "unset LD_PRELOAD"


def test_an_older_one_that_loads_is_a_warning() -> None:
    [finding] = judge(version_mismatch, loaded("2.18.1"), TORCH).findings
    assert finding.title == "NCCL 2.18.1 is loaded; torch 2.5.1+cu124 was compiled with 2.21.5"
    assert finding.severity == "warning"


def test_fires_on_ranks_that_differ() -> None:
    said = Message(key="nccl-mismatched-versions", text="Mismatched NCCL version detected : rank 0 has version 2.18.1")
    [finding] = judge(version_mismatch, Messages(messages=(said,))).findings
    assert finding.title == "NCCL versions differ: Mismatched NCCL version detected : rank 0 has version 2.18.1"


@pytest.mark.parametrize("version", ["2.21.5", "2.21.3", "2.26.2", None])
def test_silent_on_the_same_minor_or_a_newer_one(version: str | None) -> None:
    assert judge(version_mismatch, loaded(version), TORCH, MissingLibraries(), Messages()).findings == ()


def test_silent_where_it_is_merely_missing_or_another_symbol() -> None:
    gone = MissingLibraries(missing=(MissingLibrary(name="libnccl.so.2"),))
    other = MissingLibraries(
        missing=(MissingLibrary(name="libnvJitLink.so.12", kind="symbol", symbol="__nvJitLinkComplete_12_4"),)
    )
    assert judge(version_mismatch, gone, TORCH).findings == ()
    assert judge(version_mismatch, other, TORCH).findings == ()


def test_silent_without_nccl() -> None:
    assert judge(version_mismatch, LoadedLibraries(), TorchRuntime(version="2.5.1+cpu", cuda="")).findings == ()


def test_skipped_where_nothing_was_seen() -> None:
    assert judge(version_mismatch, TORCH).result.status == "skipped"


def test_of_two_that_are_mapped_the_foreign_one_is_named() -> None:
    own = LoadedLibrary(name="nccl", path=OWN, version="2.21.5", reason="DT_RPATH of libtorch_cuda.so")
    preloaded = LoadedLibrary(name="nccl", path="/opt/old/libnccl.so.2", version="2.18.1", reason="LD_PRELOAD")
    [finding] = judge(
        version_mismatch, symbol(), LoadedLibraries(libraries=(own, preloaded)), install("2.21.5")
    ).findings
    assert finding.title == "libtorch_cuda.so calls ncclCommRegister; NCCL 2.18.1 does not have it"
