from __future__ import annotations

from pathlib import Path

import pytest

from envdoctor.collect.host import Finished
from envdoctor.collect.toolkit import toolkit
from recorded import RecordedHost

VERSION = '{"cuda": {"name": "CUDA SDK", "version": "12.4.1"}}'
SAID = Finished(exit_code=0, stdout="Cuda compilation tools, release 11.8, V11.8.89\n", stderr="")


def test_cuda_home_comes_first(tmp_path: Path) -> None:
    files = {
        "/usr/local/cuda-12.4/bin/nvcc": "",
        "/usr/local/cuda-12.4/version.json": VERSION,
        "/usr/local/cuda-13.0/bin/nvcc": "",
        "/usr/local/cuda": "->/usr/local/cuda-13.0",
    }
    found = toolkit(RecordedHost(tmp_path, files, environ={"CUDA_HOME": "/usr/local/cuda-12.4"}))
    assert (found.nvcc, found.nvcc_version) == ("/usr/local/cuda-12.4/bin/nvcc", "12.4")
    assert found.installed == ("/usr/local/cuda-12.4", "/usr/local/cuda-13.0")


def test_nvcc_is_asked_where_no_file_tells(tmp_path: Path) -> None:
    host = RecordedHost(tmp_path, {"/usr/local/cuda/bin/nvcc": ""}, commands={"/usr/local/cuda/bin/nvcc": SAID})
    assert toolkit(host).nvcc_version == "11.8"


@pytest.mark.parametrize("text", ["", "not json", '{"cuda": {}}'])
def test_a_version_that_nothing_tells_is_unknown(tmp_path: Path, text: str) -> None:
    files = {"/usr/local/cuda/bin/nvcc": "", "/usr/local/cuda/version.json": text}
    found = toolkit(RecordedHost(tmp_path, files))
    assert (found.nvcc, found.nvcc_version) == ("/usr/local/cuda/bin/nvcc", None)


def test_no_toolkit_is_known_to_be_none(tmp_path: Path) -> None:
    found = toolkit(RecordedHost(tmp_path))
    assert (found.nvcc, found.nvcc_version, found.installed) == ("", None, ())
