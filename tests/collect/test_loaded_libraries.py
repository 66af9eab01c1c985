from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from envdoctor.collect.host import LiveHost
from envdoctor.collect.loaded_libraries import loaded_libraries
from envdoctor.facts import (
    Distribution,
    Interpreter,
    LoadedLibrary,
    MappedFile,
    MappedFiles,
    Packages,
    TorchInstall,
)

ElfWriter = Callable[..., str]

pytestmark = pytest.mark.usefixtures("no_cache")

SITE = "env/lib/python3.11/site-packages"


class Machine:
    """A torch with two wheels, as pip lays them out: torch's libraries have an RPATH, NVIDIA's a RUNPATH."""

    def __init__(self, write: ElfWriter, root: Path) -> None:
        self.write, self.root = write, root
        self.site = f"{root}/{SITE}"
        self.torch = write(
            f"{SITE}/torch/lib/libtorch_cuda.so",
            soname="libtorch_cuda.so",
            needed=("libcusparse.so.12", "libcudnn.so.9"),
            rpath="$ORIGIN/../../nvidia/cusparse/lib:$ORIGIN/../../nvidia/cudnn/lib:$ORIGIN",
        )
        self.cusparse = write(
            f"{SITE}/nvidia/cusparse/lib/libcusparse.so.12",
            soname="libcusparse.so.12",
            needed=("libnvJitLink.so.12",),
            runpath="$ORIGIN/../../nvjitlink/lib",
        )
        self.nvjitlink = self.library(f"{SITE}/nvidia/nvjitlink/lib/libnvJitLink.so.12")
        self.cudnn = self.library(f"{SITE}/nvidia/cudnn/lib/libcudnn.so.9", rpath="$ORIGIN")

    def library(self, path: str, **sections: object) -> str:
        return self.write(path, soname=path.rpartition("/")[2], **sections)

    def explain(
        self, *paths: str, site: str | None = None, conda: str = "", **environ: str
    ) -> dict[str, LoadedLibrary]:
        names = {
            "nvidia-nvjitlink-cu12": "12.4.127",
            "nvidia-cudnn-cu12": "9.1.0.70",
            "nvidia-cusparse-cu12": "12.3.1.170",
        }
        location = site or self.site
        dists = [Distribution(name=name, version=version, location=location) for name, version in names.items()]
        dists.append(Distribution(name="conda:cudnn", version="9.3.0", location=conda))
        found = loaded_libraries(
            LiveHost(environ=environ),
            MappedFiles(files=tuple(MappedFile(path=path) for path in paths)),
            TorchInstall(location=location, version="2.5.1+cu124", cuda="12.4"),
            Packages(distributions=tuple(dists)),
            Interpreter(path="/x/python", machine="x86_64", conda_prefix=conda),
        )
        return {Path(library.path).name: library for library in found.libraries}


@pytest.fixture
def machine(write_elf: ElfWriter, tmp_path: Path) -> Machine:
    return Machine(write_elf, tmp_path)


def test_a_healthy_install_hides_nothing(machine: Machine) -> None:
    found = machine.explain(machine.torch, machine.cusparse, machine.nvjitlink, machine.cudnn)
    assert {library.bundled for library in found.values()} == {""}
    assert [(library.name, library.owner_kind, library.owner, library.reason) for library in found.values()] == [
        ("torch_cuda", "torch", "torch 2.5.1+cu124", "loaded by path"),
        ("cusparse", "wheel", "nvidia-cusparse-cu12 12.3.1.170", "DT_RPATH of libtorch_cuda.so"),
        ("nvjitlink", "wheel", "nvidia-nvjitlink-cu12 12.4.127", "DT_RUNPATH of libcusparse.so.12"),
        ("cudnn", "wheel", "nvidia-cudnn-cu12 9.1.0.70", "DT_RPATH of libtorch_cuda.so"),
    ]


def test_who_was_there_first_decides(machine: Machine) -> None:
    """In the memory map the first to be loaded stands last."""
    deps = machine.write(
        f"{SITE}/torch/lib/libtorch_global_deps.so", needed=("libcudnn.so.9",), rpath="$ORIGIN/../../nvidia/cudnn/lib"
    )
    found = machine.explain(machine.cudnn, machine.torch, deps)
    assert found["libcudnn.so.9"].reason == "DT_RPATH of libtorch_global_deps.so"
    core = machine.write(
        f"{SITE}/torch/_C.cpython-311-x86_64-linux-gnu.so", needed=("libtorch_python.so",), rpath="$ORIGIN/lib"
    )
    python = machine.library(f"{SITE}/torch/lib/libtorch_python.so")
    assert machine.explain(python)["libtorch_python.so"].reason == f"DT_RPATH of {Path(core).name}"


def test_what_torch_opened_by_its_path_was_not_searched_for(machine: Machine) -> None:
    file = MappedFile(path=machine.nvjitlink, opened_by="_preload_cuda_lib of torch")
    install = TorchInstall(location=machine.site, version="2.14.1+cu130")
    [library] = loaded_libraries(LiveHost(environ={}), MappedFiles(files=(file,)), install, None, None).libraries
    assert library.reason == "opened by _preload_cuda_lib of torch"


def test_a_toolkits_file_is_known_by_its_soname(machine: Machine) -> None:
    """Toolkits and distributions have links: libnvJitLink.so.12 → libnvJitLink.so.12.8.93, which is what the map shows."""
    real = machine.write("tk/libnvJitLink.so.12.8.93", soname="libnvJitLink.so.12")
    (Path(real).parent / "libnvJitLink.so.12").symlink_to(real)
    library = machine.explain(machine.torch, machine.cusparse, real, LD_LIBRARY_PATH=str(Path(real).parent))[
        Path(real).name
    ]
    assert (library.reason, library.bundled) == ("LD_LIBRARY_PATH", machine.nvjitlink)


def test_the_wheel_of_another_environment_is_not_ours(machine: Machine) -> None:
    other = machine.library("other/lib/python3.11/site-packages/nvidia/cuda_runtime/lib/libcudart.so.12")
    library = machine.explain(machine.torch, other)["libcudart.so.12"]
    assert (library.owner_kind, library.owner) == ("unknown", "another environment")


def test_opened_by_name_with_nobody_known_to_need_it(machine: Machine) -> None:
    path = machine.library("tk/libnvrtc.so.12")
    assert machine.explain(path, LD_LIBRARY_PATH=str(Path(path).parent))["libnvrtc.so.12"].reason == "LD_LIBRARY_PATH"


def test_library_path_wins_over_a_runpath(machine: Machine) -> None:
    old = machine.library("old/libnvJitLink.so.12")
    found = machine.explain(machine.torch, machine.cusparse, old, LD_LIBRARY_PATH=str(Path(old).parent))
    library = found["libnvJitLink.so.12"]
    assert (library.reason, library.owner, library.owner_kind) == ("LD_LIBRARY_PATH", "LD_LIBRARY_PATH", "unknown")
    assert library.bundled == machine.nvjitlink


def test_a_decoy_that_does_not_win_is_not_seen(machine: Machine) -> None:
    old = machine.library("old/libcudnn.so.9")
    found = machine.explain(machine.torch, machine.cudnn, LD_LIBRARY_PATH=str(Path(old).parent))
    assert found["libcudnn.so.9"].reason == "DT_RPATH of libtorch_cuda.so"
    assert found["libcudnn.so.9"].bundled == ""


def test_cudnn_opens_its_parts_itself(machine: Machine) -> None:
    graph = machine.library(f"{SITE}/nvidia/cudnn/lib/libcudnn_graph.so.9")
    ops = machine.library(
        f"{SITE}/nvidia/cudnn/lib/libcudnn_ops.so.9", needed=("libcudnn_graph.so.9",), runpath="$ORIGIN"
    )
    old = machine.library("old/libcudnn_graph.so.9")
    found = machine.explain(machine.torch, ops, graph, machine.cudnn, LD_LIBRARY_PATH=str(Path(old).parent))
    assert found["libcudnn_graph.so.9"].reason == "DT_RPATH of libcudnn.so.9"


def test_a_copy_beside_torchs_own_hides_nothing(machine: Machine) -> None:
    other = machine.library("cupy/libcudnn.so.9")
    found = machine.explain(machine.torch, machine.cudnn, other)
    assert found["libcudnn.so.9"].path == other
    assert found["libcudnn.so.9"].bundled == ""


def test_an_environment_behind_a_link_owns_its_files(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "env")
    site = f"{tmp_path}/link/lib/python3.11/site-packages"
    found = machine.explain(machine.torch, machine.cudnn, site=site)
    assert [library.owner_kind for library in found.values()] == ["torch", "wheel"]
    assert found["libcudnn.so.9"].owner == "nvidia-cudnn-cu12 9.1.0.70"


def test_wheels_that_are_links_into_a_cache_are_torchs_own(machine: Machine, tmp_path: Path) -> None:
    cached = machine.library("cache/archive/nvidia/cudnn/lib/libcudnn.so.9")
    Path(machine.cudnn).unlink()
    Path(machine.cudnn).symlink_to(cached)
    found = machine.explain(machine.torch, cached)
    assert (found["libcudnn.so.9"].bundled, found["libcudnn.so.9"].reason) == ("", "DT_RPATH of libtorch_cuda.so")


def test_of_two_wheels_with_the_same_file_the_library_says_which(machine: Machine) -> None:
    wheels = {"nvidia-cudnn-cu13": "9.12.0.46", "nvidia-cudnn-cu12": "9.1.0.70"}
    packages = Packages(
        distributions=tuple(Distribution(name=n, version=v, location=machine.site) for n, v in wheels.items())
    )
    owners = {}
    for version in ("9.1.0", "9.12.0"):
        files = MappedFiles(files=(MappedFile(path=machine.cudnn, version=version),))
        install = TorchInstall(location=machine.site)
        [library] = loaded_libraries(LiveHost(environ={}), files, install, packages, None).libraries
        owners[version] = library.owner
    assert owners == {"9.1.0": "nvidia-cudnn-cu12 9.1.0.70", "9.12.0": "nvidia-cudnn-cu13 9.12.0.46"}


def test_a_library_of_another_package(machine: Machine) -> None:
    path = machine.library(f"{SITE}/triton/backends/nvidia/lib/cupti/libcupti.so.12")
    library = machine.explain(machine.torch, path)["libcupti.so.12"]
    assert (library.owner_kind, library.owner) == ("wheel", "triton")


def test_conda_names_the_package(machine: Machine, tmp_path: Path) -> None:
    path = machine.library("conda/lib/libcudnn.so.9")
    library = machine.explain(machine.torch, path, conda=f"{tmp_path}/conda")["libcudnn.so.9"]
    assert (library.owner_kind, library.owner, library.bundled) == ("conda", "conda cudnn 9.3.0", machine.cudnn)


def test_a_repaired_wheels_library_is_needed_by_its_file_name(machine: Machine) -> None:
    asks = machine.write(f"{SITE}/torch/lib/libtorch_cpu.so", needed=("libcusparseLt-294d6944.so.0",), rpath="$ORIGIN")
    path = machine.write(f"{SITE}/torch/lib/libcusparseLt-294d6944.so.0", soname="libcusparseLt.so.0")
    assert machine.explain(asks, path)[Path(path).name].reason == "DT_RPATH of libtorch_cpu.so"


def test_preloaded(machine: Machine) -> None:
    path = machine.library("mine/libnccl.so.2")
    assert machine.explain(path, LD_PRELOAD=path)["libnccl.so.2"].reason == "LD_PRELOAD"
    assert machine.explain(path, LD_PRELOAD=f"/x/liba.so:{path}")["libnccl.so.2"].reason == "LD_PRELOAD"
    assert machine.explain(path, LD_PRELOAD="libnccl.so.2")["libnccl.so.2"].reason == "LD_PRELOAD"


def test_what_is_preloaded_hides_torchs_own_even_where_both_are_mapped(machine: Machine) -> None:
    other = machine.library("mine/libcudnn.so.9")
    assert (
        machine.explain(machine.torch, machine.cudnn, other, LD_PRELOAD=other)["libcudnn.so.9"].bundled == machine.cudnn
    )


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15", "driver"),
        ("/usr/lib/wsl/drivers/nv_dispi.inf/libcuda.so.1.1", "driver"),
        ("/usr/local/cuda-12.1/targets/x86_64-linux/lib/libcudart.so.12.1.105", "system"),
        ("/home/me/lib/libcudart.so.12", "unknown"),
    ],
)
def test_owners_of_files_that_are_gone_by_now(machine: Machine, path: str, kind: str) -> None:
    assert machine.explain(path)[Path(path).name].owner_kind == kind


def test_without_knowing_torch_nothing_is_called_hidden(machine: Machine) -> None:
    files = MappedFiles(files=(MappedFile(path=machine.cudnn, version="9.1.0"),), complete=False)
    found = loaded_libraries(LiveHost(environ={}), files, None, None, None)
    assert not found.complete
    assert (found.libraries[0].version, found.libraries[0].bundled) == ("9.1.0", "")
