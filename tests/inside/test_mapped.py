"""The memory map of a process: which of its files are the CUDA libraries."""

from __future__ import annotations

from typing import Any
from unittest.mock import mock_open, patch

from envdoctor.inside import mapped

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
