from __future__ import annotations

from pathlib import Path

import pytest

from envdoctor.collect.host import CannotLook
from envdoctor.collect.process_libraries import process_libraries
from envdoctor.collect.request import Request
from envdoctor.facts import ProcessLibraries
from recorded import RecordedHost

SITE = "/opt/venv/lib/python3.11/site-packages"
VERSION = "from typing import Optional\n__version__ = '2.5.1+cu124'\ndebug = False\ncuda: Optional[str] = '12.4'\nhip: Optional[str] = None\n"
FILES: dict[str, str | bytes | None] = {
    "/proc/self/ns/mnt": "->mnt:[1]",
    "/proc/4711/ns/mnt": "->mnt:[1]",
    "/proc/4711/exe": "->/usr/bin/python3.11",
    f"{SITE}/torch/version.py": VERSION,
    f"{SITE}/nvidia_cudnn_cu12-9.1.0.70.dist-info": None,
    f"{SITE}/nvidia_nccl_cu12-2.21.5.dist-info": None,
}


def maps(*paths: str) -> str:
    return "".join(f"7f00000000-7f00001000 r-xp 00000000 08:01 {i}   {path}\n" for i, path in enumerate(paths))


def seen(tmp_path: Path, *paths: str, **more: str | bytes) -> ProcessLibraries:
    """What a process has mapped on the recorded machine."""
    files = {**FILES, "/proc/4711/maps": maps(*paths), **more}
    host = RecordedHost(tmp_path, files)
    host.request = Request(pid=4711)
    return process_libraries(host)[0]


def test_each_version_says_how_it_is_known(tmp_path: Path) -> None:
    found = seen(
        tmp_path,
        "/usr/lib/x86_64-linux-gnu/libc.so.6",
        f"{SITE}/torch/lib/libtorch_cpu.so",
        f"{SITE}/torch/lib/libtorch_cuda.so",
        f"{SITE}/nvidia/cudnn/lib/libcudnn.so.9",
        "/usr/local/cuda-12.4/lib64/libcudart.so.12.4.127",
        "/usr/lib/x86_64-linux-gnu/libcuda.so.550.54.14",
        "/opt/mine/libnccl.so.2",
        **{"/opt/mine/libnccl.so.2": b"\x7fELF...NCCL version 2.23.4+cuda12.4\0"},
    )
    told = {library.name: (library.version, library.version_by, library.owner) for library in found.libraries}
    assert told == {
        "torch_cpu": ("2.5.1+cu124", "torch/version.py", "torch 2.5.1+cu124"),
        "torch_cuda": ("2.5.1+cu124", "torch/version.py", "torch 2.5.1+cu124"),
        "cudnn": ("9.1.0.70", "wheel", "nvidia-cudnn-cu12 9.1.0.70"),
        "cudart": ("12.4.127", "file name", "system"),
        "cuda": ("550.54.14", "file name", "the driver"),
        "nccl": ("2.23.4", "the file itself", "system"),
    }
    assert (found.torch_version, found.torch_cuda, found.torch_hip) == ("2.5.1+cu124", "12.4", "")
    assert found.python == "/usr/bin/python3.11"
    assert found.torch_with_cuda


def test_a_torch_without_cuda(tmp_path: Path) -> None:
    version = "__version__ = '2.13.0+cpu'\ncuda: Optional[str] = None\nhip: Optional[str] = None\n"
    found = seen(tmp_path, f"{SITE}/torch/lib/libtorch_cpu.so", **{f"{SITE}/torch/version.py": version})
    assert (found.torch, found.torch_with_cuda, found.torch_cuda) == (True, False, "")


def test_what_was_deleted_has_the_version_of_its_name_and_what_lies_there_now(tmp_path: Path) -> None:
    folder = "/usr/lib/x86_64-linux-gnu"
    found = seen(
        tmp_path,
        f"{folder}/libcuda.so.550.54.14 (deleted)",
        f"{SITE}/torch/lib/libtorch_cuda.so (deleted)",
        f"{SITE}/nvidia/cufft/lib/libcufft.so.11 (deleted)",
        **{f"{folder}/libcuda.so.1": "->libcuda.so.595.45.04", f"{folder}/libcuda.so.595.45.04": "x"},
        **{f"{SITE}/torch/lib/libtorch_cuda.so": "x"},
    )
    told = {library.name: (library.deleted, library.version, library.version_now) for library in found.libraries}
    assert told == {
        "cuda": (True, "550.54.14", "595.45.04"),
        "torch_cuda": (True, None, "2.5.1+cu124"),
        "cufft": (True, None, ""),
    }
    assert found.torch_version is None  # version.py beside it is of the torch that lies there now


def test_a_file_that_is_called_deleted_is_not(tmp_path: Path) -> None:
    """Only the mark at the end of the line is the kernel's."""
    found = seen(tmp_path, "/opt/old (deleted)/libcudart.so.12.4.127")
    assert [(library.path, library.deleted) for library in found.libraries] == [
        ("/opt/old (deleted)/libcudart.so.12.4.127", False)
    ]


def test_mapped_nodes_are_told_and_are_no_libraries(tmp_path: Path) -> None:
    found = seen(tmp_path, "/dev/nvidia0", "/dev/nvidia-uvm", "/dev/zero")
    assert found.mapped_nodes == ("/dev/nvidia0", "/dev/nvidia-uvm")
    assert (found.libraries, found.torch) == ((), False)


def test_in_a_container_the_files_are_those_that_the_process_sees(tmp_path: Path) -> None:
    inside = {"/proc/4711/ns/mnt": "->mnt:[2]", f"/proc/4711/root{SITE}/torch/version.py": "__version__ = '2.9.1'\n"}
    found = seen(tmp_path, f"{SITE}/torch/lib/libtorch_cpu.so", **inside)
    assert found.torch_version == "2.9.1"


def test_a_map_that_may_not_be_read_says_which_right_is_missing(tmp_path: Path) -> None:
    files = {**FILES, "/proc/4711/maps": "", "/proc/4711/status": "Name:\tpython\nUid:\t4242\t4242\t4242\t4242\n"}
    host = RecordedHost(tmp_path, files, denied=("/proc/4711/maps",))
    host.request = Request(pid=4711)
    with pytest.raises(CannotLook) as caught:
        process_libraries(host)
    assert caught.value.problem.kind == "denied"
    assert "that takes its user (4242) or root (CAP_SYS_PTRACE)" in caught.value.problem.detail
