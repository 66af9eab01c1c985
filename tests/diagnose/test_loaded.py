from __future__ import annotations

import pytest

from envdoctor.diagnose.loaded import (
    foreign_runtime,
    is_torchs_own,
    missing_of,
    out_of_the_way,
    parts,
    short,
    taken_copy,
    version_of,
    wheel_version,
)
from envdoctor.facts import (
    Distribution,
    Environment,
    LoadedLibraries,
    LoadedLibrary,
    MissingLibraries,
    MissingLibrary,
    Packages,
    TorchInstall,
)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("9.1.0.70", (9, 1, 0, 70)), ("12.4", (12, 4)), ("13.0rc1", (13, 0)), ("", ()), ("unknown", ())],
)
def test_parts(text: str, numbers: tuple[int, ...]) -> None:
    assert parts(text) == numbers


@pytest.mark.parametrize(
    ("library", "version"),
    [
        (LoadedLibrary(name="cudnn", path="/x/libcudnn.so.8.9.2", version="8.9.7"), "8.9.7"),
        (LoadedLibrary(name="cudnn_cnn", path="/x/libcudnn_cnn.so.9.5.1"), "9.5.1"),
        (LoadedLibrary(name="cudart", path="/x/libcudart.so.11.0"), None),
        (
            LoadedLibrary(
                name="cudart", path="/x/libcudart.so.11.0", owner="nvidia-cuda-runtime-cu11 11.7.99", owner_kind="wheel"
            ),
            "11.7.99",
        ),
        (
            LoadedLibrary(
                name="cudnn_cnn", path="/x/libcudnn_cnn.so.9", owner="nvidia-cudnn-cu12 9.1.0.70", owner_kind="wheel"
            ),
            "9.1.0.70",
        ),
        (LoadedLibrary(name="cudnn_cnn", path="/x/libcudnn_cnn.so.9", owner="nvidia", owner_kind="wheel"), None),
        (LoadedLibrary(name="cudnn_cnn", path="/x/libcudnn_cnn.so.9", owner="system", owner_kind="system"), None),
    ],
)
def test_version_of_a_library(library: LoadedLibrary, version: str | None) -> None:
    assert version_of(library) == version


def test_the_wheel_of_a_file() -> None:
    packages = Packages(distributions=(Distribution(name="nvidia-cudnn-cu12", version="9.1.0.70", location="/v"),))
    assert wheel_version("libcudnn_graph.so.9", packages) == "9.1.0.70"
    assert wheel_version("libcublas.so.12", packages) is None
    assert wheel_version("libcudnn.so.9", None) is None


def test_the_copy_that_the_search_meets_first_is_taken() -> None:
    missing = MissingLibrary(
        name="libnccl.so.2",
        searched=("/empty (LD_LIBRARY_PATH)", "/own/lib (DT_RUNPATH of libtorch_cuda.so)", "/usr/lib (default path)"),
        copies=("/usr/lib/libnccl.so.2", "/own/lib/libnccl.so.2"),
    )
    assert taken_copy(missing) == ("/own/lib/libnccl.so.2", "DT_RUNPATH of libtorch_cuda.so")
    assert taken_copy(MissingLibrary(name="libnccl.so.2", copies=("/elsewhere/libnccl.so.2",))) is None


def test_missed_libraries_by_owner() -> None:
    names = ("libcudart.so.12", "libcudnn_ops.so.9", "libnccl.so.2", "libcuda.so.1", "libgomp.so.1", "?")
    missing = MissingLibraries(missing=tuple(MissingLibrary(name=name) for name in names))
    assert [one.name for one in missing_of(missing, "cuda")] == ["libcudart.so.12"]
    assert [one.name for one in missing_of(missing, "cudnn", "nccl")] == ["libcudnn_ops.so.9", "libnccl.so.2"]
    assert missing_of(None, "cuda") == ()


def test_torchs_own_is_what_lies_beside_it() -> None:
    torch = TorchInstall(location="/v/site-packages/")
    assert is_torchs_own("/v/site-packages/nvidia/x.so", torch) is True
    assert is_torchs_own("/v/site-packages-old/x.so", torch) is False
    assert is_torchs_own("/v/x.so", TorchInstall()) is None


def test_a_foreign_runtime_counts_only_where_none_fits() -> None:
    foreign = LoadedLibrary(
        name="cudart", path="/usr/local/cuda/lib64/libcudart.so.12", version="12.1", owner_kind="system", bundled=""
    )
    own = LoadedLibrary(name="cudart", path="/v/libcudart.so.12", version="12.4", owner_kind="wheel", bundled="")
    assert foreign_runtime(LoadedLibraries(libraries=(foreign,)), "12.4") is foreign
    assert foreign_runtime(LoadedLibraries(libraries=(foreign, own)), "12.4") is None
    assert foreign_runtime(LoadedLibraries(libraries=(foreign,)), None) is None
    assert foreign_runtime(None, "12.4") is None


@pytest.mark.parametrize(
    ("path", "room", "shown"),
    [
        ("/opt/old/lib", 20, "/opt/old/lib"),
        ("/usr/local/cuda-13.0/targets/x86_64-linux/lib/libcudart.so.13", 30, "/usr/local/cuda-13.0"),
        (
            "/home/me/project/venv/lib/python3.11/site-packages/nvidia/nccl/lib/libnccl.so.2",
            40,
            "/home/…/nvidia/nccl/lib/libnccl.so.2",
        ),
        ("/a/" + "x" * 60, 20, "…" + "x" * 19),
    ],
)
def test_paths_for_titles(path: str, room: int, shown: str) -> None:
    assert short(path, room) == shown
    assert len(shown) <= room


@pytest.mark.parametrize(
    ("value", "command"),
    [
        ("/opt/old", "unset LD_LIBRARY_PATH"),
        ("/opt/old:/opt/a b", "export LD_LIBRARY_PATH='/opt/a b'"),
        ("/opt/driver:/opt/old/:", "export LD_LIBRARY_PATH=/opt/driver"),
        ("/link/to/old:/opt/driver", "unset LD_LIBRARY_PATH"),
    ],
)
def test_out_of_the_library_path(value: str, command: str) -> None:
    environment = Environment(variables={"LD_LIBRARY_PATH": value})
    assert out_of_the_way("/opt/old/libx.so.1", "LD_LIBRARY_PATH", environment).command == command


def test_out_of_the_way_for_other_reasons() -> None:
    assert out_of_the_way("/x/liby.so", "LD_PRELOAD", None).command == "unset LD_PRELOAD"
    cached = out_of_the_way("/opt/cuda/lib/liby.so", "ld.so.cache", None).command
    assert cached == r"sudo sed -i '\|^/opt/cuda/lib/*$|d' /etc/ld.so.conf /etc/ld.so.conf.d/*.conf && sudo ldconfig"
    assert (
        out_of_the_way("/usr/lib/liby.so", "default path", None).command
        == "dpkg -S /usr/lib/liby.so || rpm -qf /usr/lib/liby.so"
    )
    assert out_of_the_way("/x/liby.so", "loaded by path", None).command is None
