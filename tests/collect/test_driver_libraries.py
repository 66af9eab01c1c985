from __future__ import annotations

import os
from pathlib import Path

import pytest

from envdoctor.collect.driver_libraries import driver_libraries, kind_of
from recorded import RecordedHost

LIB = f"/usr/lib/{os.uname().machine}-linux-gnu"


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envdoctor.collect.driver_libraries.read_cache", lambda host, machine: ())


def test_the_real_file_tells_the_version(tmp_path: Path) -> None:
    host = RecordedHost(tmp_path, {f"{LIB}/libcuda.so.595.45.04": "", f"{LIB}/libcuda.so.1": "->libcuda.so.595.45.04"})
    winner = driver_libraries(host).winner("libcuda.so.1")
    assert winner is not None
    assert (winner.path, winner.version, winner.kind) == (f"{LIB}/libcuda.so.1", "595.45.04", "driver")
    assert driver_libraries(host).winner("libnvidia-ml.so.1") is None


def test_ld_library_path_wins(tmp_path: Path) -> None:
    files = {f"{LIB}/libcuda.so.1": "", "/usr/local/cuda-13/compat/libcuda.so.1": ""}
    host = RecordedHost(tmp_path, files, environ={"LD_LIBRARY_PATH": "/nowhere:/usr/local/cuda-13/compat"})
    found = driver_libraries(host)
    winner = found.winner("libcuda.so.1")
    assert winner is not None
    assert (winner.kind, winner.found_by) == ("compat", "LD_LIBRARY_PATH")
    assert [copy.wins for copy in found.copies if copy.path.startswith(LIB)] == [False]


def test_a_stub_off_the_path_is_seen_and_wins_nothing(tmp_path: Path) -> None:
    [stub] = driver_libraries(RecordedHost(tmp_path, {"/usr/local/cuda-12.4/lib64/stubs/libcuda.so": ""})).copies
    assert (stub.kind, stub.found_by, stub.wins) == ("stub", "nothing", False)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/usr/lib/wsl/lib/libcuda.so.1", "wsl"),
        ("/usr/local/cuda/compat/libcuda.so.1", "compat"),
        ("/usr/local/cuda/lib64/stubs/libcuda.so.1", "stub"),
        ("/usr/lib/aarch64-linux-gnu/tegra/libcuda.so.1", "jetson"),
        ("/usr/lib64/libcuda.so.1", "driver"),
    ],
)
def test_kinds_by_place(path: str, kind: str) -> None:
    assert kind_of(path, path) == kind


def test_none_is_known_to_be_none(tmp_path: Path) -> None:
    assert driver_libraries(RecordedHost(tmp_path)).copies == ()


def test_ld_preload_comes_before_every_search_and_knows_the_stub_by_its_own_name(tmp_path: Path) -> None:
    stub = "/opt/cuda/lib64/stubs/libcuda.so"
    files = {f"{LIB}/libcuda.so.1": "", stub: ""}
    host = RecordedHost(tmp_path, files, environ={"LD_PRELOAD": f"/opt/other.so {stub}"})
    winner = driver_libraries(host).winner("libcuda.so.1")
    assert winner is not None
    assert (winner.path, winner.kind, winner.found_by) == (stub, "stub", "LD_PRELOAD")
