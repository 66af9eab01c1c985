from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from envdoctor.collect.host import CannotLook, ChildResult, LiveHost
from envdoctor.collect.interpreter import BadInterpreter
from envdoctor.collect.python_install import pins_of, python_install, read_python
from envdoctor.collect.request import Request
from envdoctor.facts import Distribution, Packages, TorchInstall

LINUX = {
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "sys_platform": "linux",
    "python_version": "3.11",
    "python_full_version": "3.11.7",
    "os_name": "posix",
    "implementation_name": "cpython",
    "implementation_version": "3.11.7",
    "platform_python_implementation": "CPython",
    "platform_release": "6.1",
    "platform_version": "#1",
}


def dist(name: str, version: str, requires: Sequence[str] = (), location: str = "/site") -> Distribution:
    return Distribution(name=name, version=version, location=location, requires=tuple(requires))


def leave(stage: str, **data: Any) -> dict[str, Any]:
    return {"stage": stage, "event": "leave", **data}


def said(torch: dict[str, Any], *dists: dict[str, Any]) -> ChildResult:
    return ChildResult(
        outcome="exited",
        exit_code=0,
        stages=(
            leave("interpreter", interpreter={"path": "/x/python3.11", "version": "3.11.7"}, markers=LINUX),
            leave("distributions", distributions=list(dists)),
            leave("torch", torch=torch),
        ),
    )


def examine(python: Path | str) -> tuple[Any, TorchInstall, Packages]:
    return python_install(LiveHost(request=Request(python=str(python)), environ={"PATH": "/usr/bin:/bin"}))


def test_this_interpreter() -> None:
    interpreter, _, _ = examine(sys.executable)
    assert interpreter.version == ".".join(map(str, sys.version_info[:3]))
    assert interpreter.path == sys.executable
    assert interpreter.bits == 64
    assert interpreter.chosen_by == "--python"
    assert interpreter.rpath is not None
    assert interpreter.sys_path[0] == ""


def test_it_is_called_as_the_user_called_it() -> None:
    interpreter, install, _ = read_python(
        said({"module_file": "", "present": False}), "/venv/bin/python", "VIRTUAL_ENV"
    )
    assert (interpreter.path, interpreter.chosen_by) == ("/venv/bin/python", "VIRTUAL_ENV")
    assert (install.present, install.pins) == (False, None)


@pytest.mark.parametrize("program", ["/bin/true", "/bin/cat", "/bin/echo"])
def test_a_program_that_is_no_python(program: str) -> None:
    with pytest.raises(BadInterpreter, match=f"{program} is no Python interpreter"):
        examine(program)


def test_a_file_that_the_kernel_cannot_run(tmp_path: Path) -> None:
    (tmp_path / "python").write_bytes(b"\x00\x01\x02\x03")
    (tmp_path / "python").chmod(0o755)
    with pytest.raises(BadInterpreter, match="Exec format error"):
        examine(tmp_path / "python")


def test_a_file_that_may_not_be_run(tmp_path: Path) -> None:
    (tmp_path / "python").touch()
    with pytest.raises(BadInterpreter, match="may not be run"):
        examine(tmp_path / "python")


def test_an_old_python_is_named() -> None:
    result = ChildResult(
        outcome="exited", exit_code=3, stages=({"stage": "start", "event": "fact", "unsupported": "3.6"},)
    )
    with pytest.raises(BadInterpreter, match=r"/x is Python 3\.6; envdoctor examines 3\.8 and newer"):
        read_python(result, "/x", "--python")


def test_python_2_is_told_by_its_traceback() -> None:
    result = ChildResult(outcome="exited", exit_code=1, stderr="ImportError: No module named util")
    with pytest.raises(BadInterpreter, match=r"a Python older than 3\.8"):
        read_python(result, "/x", "--python")


def test_one_that_hangs_is_no_wrong_interpreter() -> None:
    result = ChildResult(outcome="timeout", stages=({"stage": "interpreter", "event": "enter"},), stage="interpreter")
    with pytest.raises(CannotLook) as caught:
        read_python(result, "/x", "--python")
    assert caught.value.problem.kind == "timeout"
    assert not isinstance(caught.value, BadInterpreter)


def test_of_two_metadata_in_one_folder_the_true_one_is_first() -> None:
    two = [{"name": "torch", "version": version, "location": "/site"} for version in ("2.4.0", "2.5.1")]
    elsewhere = {"name": "torch", "version": "2.5.1", "location": "/user"}
    _, install, _ = read_python(said({"present": True, "version": "2.5.1+cu124"}, elsewhere, *two), "/x", "--python")
    assert [(one.location, one.version) for one in install.distributions] == [
        ("/user", "2.5.1"),
        ("/site", "2.5.1"),
        ("/site", "2.4.0"),
    ]


def test_pins_with_their_markers() -> None:
    torch = dist(
        "torch",
        "2.5.1",
        [
            'nvidia-cudnn-cu12 (==9.1.0.70) ; platform_system == "Linux" and platform_machine == "x86_64"',
            'nvidia-nccl-cu12==2.21.5; platform_system == "Linux"',
            'triton==3.1.0; platform_system == "Linux" and python_version < "3.13"',
            'triton==9.9; platform_system == "Windows"',
            "torch-thing==1",
            "not a requirement at all !!",
        ],
    )
    pins = pins_of(torch, [dist("nvidia-cudnn-cu12", "9.3.0.75"), dist("triton", "3.1.0")], LINUX)
    assert [(pin.name, pin.specifier, pin.installed, pin.satisfied) for pin in pins] == [
        ("nvidia-cudnn-cu12", "==9.1.0.70", "9.3.0.75", False),
        ("nvidia-nccl-cu12", "==2.21.5", "", False),
        ("triton", "==3.1.0", "3.1.0", True),
    ]


def test_pins_through_the_toolkits_extras() -> None:
    toolkit = dist(
        "cuda-toolkit",
        "13.2.2",
        [
            "nvidia-cublas==13.4.1.3.*; sys_platform == 'linux' and extra == 'cublas'",
            "nvidia-npp==13.1.0.59.*; sys_platform == 'linux' and extra == 'npp'",
            "nvidia-nvjitlink<14,>=13.2.86; sys_platform == 'linux' and extra == 'cufft'",
            "nvidia-nvjitlink<14,>=13.2.86; sys_platform == 'linux' and extra == 'cusolver'",
        ],
    )
    torch = dist("torch", "2.15.0", ['cuda-toolkit[cublas,cufft,cusolver]==13.2.2; platform_system == "Linux"'])
    installed = [toolkit, dist("nvidia-cublas", "13.4.1.3"), dist("nvidia-nvjitlink", "13.5.37")]
    pins = pins_of(torch, installed, LINUX)
    assert [(pin.name, pin.satisfied) for pin in pins] == [
        ("cuda-toolkit", True),
        ("nvidia-cublas", True),
        ("nvidia-nvjitlink", True),
    ]


def test_a_requirement_of_itself_comes_to_an_end() -> None:
    loop = dist("cuda-toolkit", "1", ["cuda-toolkit[all]==1; extra == 'all'"])
    pins = pins_of(dist("torch", "1", ["cuda-toolkit[all]==1"]), [loop], LINUX)
    assert {pin.name for pin in pins} == {"cuda-toolkit"}


def test_a_version_that_is_none_satisfies_nothing() -> None:
    [pin] = pins_of(dist("torch", "1", ["triton==3.1.0"]), [dist("triton", "unknown")], LINUX)
    assert not pin.satisfied


def test_the_first_on_the_path_is_what_is_installed() -> None:
    two = [dist("triton", "3.0.0", location="/user"), dist("triton", "3.1.0")]
    [pin] = pins_of(dist("torch", "1", ["triton==3.1.0"]), two, LINUX)
    assert (pin.installed, pin.satisfied) == ("3.0.0", False)


def test_an_interpreter_that_cannot_start_says_why(tmp_path: Path) -> None:
    for environ, words in (
        ({"PYTHONHOME": str(tmp_path)}, r"ends in its own start with exit code 1: .*encodings"),
        ({"PYTHONPATH": str(tmp_path)}, r"cannot import its own standard library with exit code 1: ValueError: mine"),
    ):
        (tmp_path / "json.py").write_text("raise ValueError('mine')\n")
        host = LiveHost(request=Request(python=sys.executable), environ={"PATH": "/usr/bin:/bin", **environ})
        with pytest.raises(CannotLook, match=words) as raised:
            python_install(host)
        assert raised.value.problem.kind == "crashed"
