"""The memory map of a process: which of its files are the CUDA libraries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import mock_open, patch

import pytest

from envdoctor.inside import mapped
from envdoctor.knowledge.libraries import LIBRARIES

LINE = "7f0000000000-7f0000001000 r-xp 00000000 fe:00 1234                       "


def paths(text: str) -> list[Any]:
    with patch("builtins.open", mock_open(read_data=text)):
        return list(mapped.paths())


def test_each_file_is_told_once_in_the_order_of_the_map() -> None:
    text = f"{LINE}/a/libcudart.so.12\n{LINE}/a/libcudart.so.12\n{LINE}/b/libcudnn.so.9.1.0\n{LINE}[heap]\n{LINE}/usr/lib/libm.so.6\n"
    assert paths(text) == ["/a/libcudart.so.12", "/b/libcudnn.so.9.1.0"]


def test_a_deleted_file_keeps_its_path() -> None:
    assert paths(f"{LINE}/a/libnccl.so.2 (deleted)\n") == ["/a/libnccl.so.2"]


def test_only_the_newline_ends_a_line() -> None:
    odd = "/home/a\x0cb\u2028c\x85/lib/libcudart.so.12"
    assert paths(f"{LINE}{odd}\n") == [odd]


def test_every_library_of_the_table_is_looked_at() -> None:
    written = {
        "nvtx": "nvToolsExt",
        "nvjitlink": "nvJitLink",
        "nvidia-driver": "nvidia-gpucomp",
        "gomp": "",
        "miopen": "MIOpen",
    }
    names = [written.get(row.family, row.family) for row in LIBRARIES]
    assert [name for name in names if name and not mapped.WANTED.search(f"/a/lib{name}.so.1")] == []


def test_what_python_code_opens_by_its_path_is_told_with_who_did() -> None:
    """In a process of its own: an audit hook cannot be taken away again."""
    code = (
        "import sys, ctypes, shutil, tempfile, os; sys.path.insert(0, sys.argv[1]); import mapped; mapped.watch()\n"
        "import _ctypes; path = tempfile.mkdtemp() + '/libnccl.so.2'; shutil.copy(_ctypes.__file__, path)\n"
        "def preload(): ctypes.CDLL(path); ctypes.CDLL(path)\n"
        "preload(); ctypes.CDLL(None)\n"
        "print(sorted(map(os.path.basename, mapped.opened)), *mapped.opened.values())"
    )
    folder = Path(mapped.__file__).parent
    result = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert result.stdout == "['libnccl.so.2'] preload of __main__\n"


def test_a_cudnn_that_cannot_load_a_part_and_lives_is_an_error() -> None:
    library = SimpleNamespace(
        cudnnGetVersion=lambda: 92400,
        cudnnOpsVersionCheck=lambda: 0,
        cudnnCnnVersionCheck=lambda: 3009,
        cudnnAdvVersionCheck=lambda: 0,
    )
    with (
        patch.object(mapped, "paths", lambda: ["/a/libcudnn.so.9"]),
        patch.object(mapped, "handle", lambda path: library),
        pytest.raises(RuntimeError, match=r"parts: cudnnCnnVersionCheck returned 3009$"),
    ):
        mapped.touch_cudnn_parts()
