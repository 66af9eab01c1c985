from __future__ import annotations

import sys
from pathlib import Path

import pytest

from envdoctor.collect.host import LiveHost
from envdoctor.collect.interpreter import BadInterpreter, choose_interpreter, verify_interpreter
from envdoctor.collect.request import Request


def python_at(prefix: Path, *, torch: bool = False) -> str:
    (prefix / "bin").mkdir(parents=True)
    for name in ("python", "python3"):
        (prefix / "bin" / name).touch()
        (prefix / "bin" / name).chmod(0o755)
    if torch:
        site = prefix / "lib" / "python3.11" / "site-packages" / "torch"
        site.mkdir(parents=True)
        (site / "version.py").write_text("__version__ = '2.5.1'\n")
    return f"{prefix}/bin/python"


def choose(python: str | None = None, **environ: str) -> tuple[str, str]:
    return choose_interpreter(LiveHost(request=Request(python=python), environ=environ))


def test_the_users_word_comes_first(tmp_path: Path) -> None:
    venv = python_at(tmp_path / "venv")
    assert choose("/x/python", VIRTUAL_ENV=str(Path(venv).parent.parent)) == ("/x/python", "--python")


def test_the_active_environment_comes_next(tmp_path: Path) -> None:
    venv, conda = python_at(tmp_path / "venv"), python_at(tmp_path / "conda")
    both = {"VIRTUAL_ENV": f"{tmp_path}/venv", "CONDA_PREFIX": f"{tmp_path}/conda"}
    assert choose(**both) == (venv, "VIRTUAL_ENV")
    assert choose(CONDA_PREFIX=both["CONDA_PREFIX"]) == (conda, "CONDA_PREFIX")


def test_an_environment_that_is_gone_is_not_taken(tmp_path: Path) -> None:
    path, why = choose(VIRTUAL_ENV=f"{tmp_path}/gone", PATH="")
    assert (path, why) == (sys.executable, "the interpreter envdoctor runs in")


def test_envdoctors_own_where_it_has_a_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = python_at(tmp_path / "pipx/venvs/x", torch=True)
    python_at(tmp_path / "system")
    monkeypatch.setattr(sys, "executable", own)
    assert choose(PATH=f"{tmp_path}/system/bin") == (own, "the interpreter envdoctor runs in")


@pytest.mark.parametrize("place", ["pipx/venvs/torch-envdoctor", "share/uv/tools/torch-envdoctor", ".cache/uv/x"])
def test_a_tool_of_its_own_does_not_speak_for_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(sys, "executable", python_at(tmp_path / place))
    python_at(tmp_path / "system")
    path, why = choose(PATH=f"{tmp_path}/system/bin")
    assert path == f"{tmp_path}/system/bin/python3"
    assert why.startswith("python3 on PATH")


def test_a_torch_on_path_beats_an_own_environment_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", python_at(tmp_path / "plain"))
    python_at(tmp_path / "system", torch=True)
    path, why = choose(PATH=f"{tmp_path}/system/bin")
    assert path == f"{tmp_path}/system/bin/python3"
    assert "without torch" in why


def test_without_a_torch_anywhere_it_is_envdoctors_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = python_at(tmp_path / "plain")
    monkeypatch.setattr(sys, "executable", own)
    python_at(tmp_path / "system")
    assert choose(PATH=f"{tmp_path}/system/bin") == (own, "the interpreter envdoctor runs in")


def test_what_is_no_interpreter_is_told_without_running_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    for path, detail in (
        (tmp_path / "absent", f"there is no {tmp_path}/absent"),
        (tmp_path, f"{tmp_path} is a folder, not an interpreter"),
        (tmp_path / "link", f"{tmp_path}/link is a link to {tmp_path}/gone: that is not there"),
        (tmp_path / "file", f"{tmp_path}/file is not executable"),
    ):
        with pytest.raises(BadInterpreter) as caught:
            verify_interpreter(str(path))
        assert caught.value.problem.detail == detail
    verify_interpreter(sys.executable)


def test_a_broken_environment_is_told_from_a_broken_link(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to("/no/such/python3.11")
    with pytest.raises(BadInterpreter, match=r"a link to /no/such/python3\.11: that is not there"):
        verify_interpreter(f"{tmp_path}/bin/python")
    (tmp_path / "pyvenv.cfg").touch()
    with pytest.raises(BadInterpreter, match="the Python that this environment was made with is gone"):
        verify_interpreter(f"{tmp_path}/bin/python")


def test_the_folder_of_an_environment_leads_to_its_interpreter(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    with pytest.raises(BadInterpreter, match=f"did you mean {tmp_path}/bin/python"):
        verify_interpreter(str(tmp_path))
