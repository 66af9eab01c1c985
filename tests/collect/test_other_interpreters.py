from __future__ import annotations

import os
from pathlib import Path

import pytest

from envdoctor.collect.host import LiveHost
from envdoctor.collect.other_interpreters import MOST, other_interpreters
from envdoctor.facts import Interpreter, OtherInterpreter, TorchInstall

VERSION_PY = "__version__ = '2.5.1+cu124'\ncuda: Optional[str] = '12.4'\nhip: Optional[str] = None\n"


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def environment(prefix: Path, text: str | None = VERSION_PY, *, venv: bool = True, python: str = "3.11") -> Path:
    """An environment with a torch (whose version.py is `text`); None: without."""
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python").touch()
    site = prefix / "lib" / f"python{python}" / "site-packages"
    site.mkdir(parents=True)
    if venv:
        (prefix / "pyvenv.cfg").write_text(f"home = /usr/bin\nversion = {python}.7\n")
    if text is not None:
        (site / "torch").mkdir()
        (site / "torch" / "version.py").write_text(text)
    return prefix


def look(examined: Path | None = None, **environ: str) -> tuple[OtherInterpreter, ...]:
    interpreter = (
        Interpreter(path=f"{examined}/bin/python", prefix=str(examined), virtual_env=True) if examined else None
    )
    location = f"{examined}/lib/python3.11/site-packages" if examined else None
    found = other_interpreters(LiveHost(environ=environ), interpreter, TorchInstall(location=location))
    return tuple(other for other in found.interpreters if not other.path.startswith(("/opt/", "/usr/")))


def test_an_environment_beside_the_working_folder(tmp_path: Path) -> None:
    prefix = environment(tmp_path / ".venv")
    [other] = look()
    assert (other.path, other.version) == (f"{prefix}/bin/python", "3.11.7")
    assert (other.torch_version, other.torch_cuda) == ("2.5.1+cu124", "12.4")


def test_a_stale_pwd_does_not_mislead(tmp_path: Path) -> None:
    environment(tmp_path / ".venv")
    assert len(look(PWD="/nowhere")) == 1


def test_a_build_without_cuda_says_so(tmp_path: Path) -> None:
    environment(tmp_path / "venv", "__version__ = '2.13.0+cpu'\ncuda: Optional[str] = None\n")
    [other] = look()
    assert (other.torch_version, other.torch_cuda) == ("2.13.0+cpu", "")


def test_the_examined_one_is_left_out(tmp_path: Path) -> None:
    examined = environment(tmp_path / "venv")
    environment(tmp_path / "other", "__version__ = '2.1.0'\ncuda = '12.1'\n")
    found = look(examined, VIRTUAL_ENV=str(examined), PATH=f"{examined}/bin")
    assert [other.torch_version for other in found] == ["2.1.0"]


def test_the_same_environment_by_two_names_is_one(tmp_path: Path) -> None:
    prefix = environment(tmp_path / "venv")
    (tmp_path / "env").symlink_to(prefix)
    (tmp_path / "venv" / "lib64").symlink_to("lib")
    assert len(look(VIRTUAL_ENV=str(prefix), PATH=f"{prefix}/bin")) == 1


def test_environments_without_torch_are_not_told(tmp_path: Path) -> None:
    environment(tmp_path / "venv", None)
    assert look() == ()


def test_conda_environments_by_its_list_and_beside_the_active_one(tmp_path: Path) -> None:
    base = environment(tmp_path / "conda", None, venv=False)
    environment(base / "envs" / "a", venv=False)
    environment(tmp_path / "far", "__version__ = '2.0.1'\ncuda = '11.8'\n", venv=False)
    (tmp_path / ".conda").mkdir()
    (tmp_path / ".conda" / "environments.txt").write_text(f"{tmp_path}/far\n/gone\n")
    found = look(HOME=str(tmp_path), CONDA_PREFIX=f"{base}/envs/b")
    assert {other.torch_version for other in found} == {"2.0.1", "2.5.1+cu124"}
    assert {other.version for other in found} == {"3.11"}


def test_pyenv_uv_and_virtualenvwrapper(tmp_path: Path) -> None:
    environment(tmp_path / ".pyenv/versions/3.11.7", venv=False)
    environment(tmp_path / ".local/share/uv/python/cpython-3.12", venv=False, python="3.12")
    environment(tmp_path / ".virtualenvs/work")
    assert [other.version for other in look(HOME=str(tmp_path))] == ["3.11.7", "3.12", "3.11"]


def test_a_python_on_path_belongs_where_its_link_leads(tmp_path: Path) -> None:
    prefix = environment(tmp_path / "python", venv=False)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(prefix / "bin" / "python")
    [other] = look(PATH=f"{tmp_path}/bin:{tmp_path}/shims:relative")
    assert other.path == f"{tmp_path}/bin/python3"


def test_the_users_own_packages_belong_to_the_system_python(tmp_path: Path) -> None:
    prefix = environment(tmp_path / "python", None, venv=False)
    (prefix / "bin" / "python").rename(prefix / "bin" / "python3.11")
    (prefix / "bin" / "python3").symlink_to("python3.11")
    torch = tmp_path / ".local/lib/python3.11/site-packages/torch"
    torch.mkdir(parents=True)
    (torch / "version.py").write_text(VERSION_PY)
    [other] = look(PATH=f"{prefix}/bin", HOME=str(tmp_path))
    assert other.path == f"{prefix}/bin/python3"


def test_a_hundred_environments_are_not_all_searched(tmp_path: Path) -> None:
    for number in range(MOST + 20):
        environment(tmp_path / ".virtualenvs" / f"{number}")
    assert 0 < len(look(HOME=str(tmp_path))) <= MOST


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_passed_over(tmp_path: Path) -> None:
    prefix = environment(tmp_path / "venv")
    (prefix / "lib").chmod(0)
    try:
        assert look() == ()
    finally:
        (prefix / "lib").chmod(0o755)


def test_nonsense_in_version_py_is_unknown(tmp_path: Path) -> None:
    environment(tmp_path / "venv", "\x00\xff not python")
    [other] = look()
    assert other.torch_version is None
