from __future__ import annotations

from pathlib import Path

import pytest

from envdoctor.collect.environment import environment
from envdoctor.collect.host import CannotLook, LiveHost
from recorded import RecordedHost


def test_only_variables_that_matter_are_kept() -> None:
    host = LiveHost(
        environ={"CUDA_VISIBLE_DEVICES": "0", "LD_LIBRARY_PATH": "/x", "AWS_SECRET_ACCESS_KEY": "hush", "HOME": "/h"}
    )
    assert environment(host).variables == {"CUDA_VISIBLE_DEVICES": "0", "LD_LIBRARY_PATH": "/x"}


def test_an_empty_value_is_a_value() -> None:
    found = environment(LiveHost(environ={"CUDA_VISIBLE_DEVICES": ""}))
    assert (found.get("CUDA_VISIBLE_DEVICES"), found.get("CUDA_HOME")) == ("", None)


def test_files_do_not_tell_an_environment(tmp_path: Path) -> None:
    with pytest.raises(CannotLook):
        environment(RecordedHost(tmp_path, environ={"CUDA_VISIBLE_DEVICES": "0"}))
