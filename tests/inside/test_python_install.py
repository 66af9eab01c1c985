from __future__ import annotations

import atexit
import functools
import os
import shutil
import sys
import tempfile
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

from envdoctor.collect.host import ChildResult, LiveHost
from envdoctor.collect.said import said

VERSION_PY = """from typing import Optional
__all__ = ['__version__', 'debug', 'cuda', 'git_version', 'hip']
__version__ = '2.5.1+cu124'
debug = False
cuda: Optional[str] = '12.4'
git_version = 'a8d6afb5'
hip: Optional[str] = None
"""


@functools.cache
def bare_python() -> str:
    """An interpreter with nothing installed: the one that runs the tests can have a torch of its own."""
    folder = Path(tempfile.mkdtemp(prefix="bare-python-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    venv.create(folder, with_pip=False, symlinks=True)
    return str(folder / "bin" / "python")


def run(*path: Path, python: str | None = None) -> ChildResult:
    """The child, with `path` on its sys.path."""
    environ = {**os.environ, "PYTHONPATH": ":".join(map(str, path))}
    environ.pop("PYTHONSAFEPATH", None)
    return LiveHost(environ=environ).child("python_install.py", python=python or bare_python())


def torch_of(result: ChildResult) -> dict[str, Any]:
    found = said(result, "torch")
    assert found is not None, result.stderr
    return dict(found["torch"])


def distributions_of(result: ChildResult, *names: str) -> list[dict[str, Any]]:
    found = said(result, "distributions")
    assert found is not None, result.stderr
    return [dist for dist in found["distributions"] if dist["name"] in names]


def install_torch(
    site: Path, version_py: str = VERSION_PY, *, libraries: tuple[str, ...] = ("libtorch_cuda.so",)
) -> Path:
    """A torch that must not be imported: it would leave a file behind."""
    torch = site / "torch"
    (torch / "lib").mkdir(parents=True)
    (torch / "__init__.py").write_text(f"open({str(site / 'imported')!r}, 'w')\n")
    (torch / "_C.cpython-311-x86_64-linux-gnu.so").touch()
    (torch / "version.py").write_text(version_py)
    for name in libraries:
        (torch / "lib" / name).touch()
    return torch


def metadata(site: Path, name: str, version: str, *lines: str, **files: str) -> Path:
    folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("\n".join([f"Name: {name}", f"Version: {version}", *lines, "", "Name: no header"]))
    for file, text in files.items():
        (folder / file).write_text(text)
    return folder


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder: it is in front of the path."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_a_torch_is_read_without_being_imported(tmp_path: Path) -> None:
    torch = install_torch(tmp_path / "site")
    found = torch_of(run(tmp_path / "site"))
    assert found == {
        "present": True,
        "module_kind": "package",
        "module_file": f"{torch}/__init__.py",
        "location": f"{tmp_path}/site",
        "version": "2.5.1+cu124",
        "cuda": "12.4",
        "hip": "",
        "xpu": "",
        "git": "a8d6afb5",
        "has_cuda_library": True,
    }
    assert not (tmp_path / "site" / "imported").exists()


def test_a_build_without_cuda(tmp_path: Path) -> None:
    install_torch(
        tmp_path, VERSION_PY.replace("'12.4'", "None").replace("cu124", "cpu"), libraries=("libtorch_cpu.so",)
    )
    found = torch_of(run(tmp_path))
    assert (found["version"], found["cuda"], found["has_cuda_library"]) == ("2.5.1+cpu", "", False)


def test_a_torch_py_in_the_working_folder_hides_it(tmp_path: Path, elsewhere: Path) -> None:
    install_torch(tmp_path / "site")
    (elsewhere / "torch.py").touch()
    found = torch_of(run(tmp_path / "site"))
    assert (found["module_kind"], found["module_file"], found["present"]) == ("shadow", f"{elsewhere}/torch.py", False)


def test_a_source_tree_in_the_working_folder_hides_it(tmp_path: Path, elsewhere: Path) -> None:
    install_torch(tmp_path / "site")
    (elsewhere / "torch" / "_C").mkdir(parents=True)
    (elsewhere / "torch" / "__init__.py").touch()
    found = torch_of(run(tmp_path / "site"))
    assert (found["module_kind"], found.get("version")) == ("shadow", None)


def test_what_an_uninstall_leaves_is_a_namespace(tmp_path: Path) -> None:
    (tmp_path / "site" / "torch" / "lib").mkdir(parents=True)
    found = torch_of(run(tmp_path / "site"))
    assert (found["module_kind"], found["module_file"], found["present"]) == (
        "namespace",
        f"{tmp_path}/site/torch",
        False,
    )


def test_a_torch_without_version_py_keeps_its_version_unknown(tmp_path: Path) -> None:
    (install_torch(tmp_path) / "version.py").unlink()
    found = torch_of(run(tmp_path))
    assert (found["module_kind"], found.get("version"), found.get("cuda")) == ("package", None, None)


def test_distributions_in_path_order(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    metadata(
        first, "torch", "2.4.0", "Requires-Dist: numpy", "Requires-Dist: nvidia-nccl-cu12 (==2.20.5)", INSTALLER="uv\n"
    )
    metadata(second, "torch", "2.5.1", WHEEL="Wheel-Version: 1.0\nTag: cp311-cp311-linux_x86_64\n")
    one, two = distributions_of(run(first, second), "torch")
    assert (one["version"], one["location"], one["installer"]) == ("2.4.0", str(first), "uv")
    assert one["requires"] == ["nvidia-nccl-cu12 (==2.20.5)"]
    assert (two["version"], two["wheel_tag"], two["requires"]) == ("2.5.1", "cp311-cp311-linux_x86_64", [])


def test_an_editable_install(tmp_path: Path) -> None:
    address = '{"dir_info": {"editable": true}, "url": "file:///home/me/pytorch"}'
    metadata(tmp_path, "torch", "2.6.0a0", **{"direct_url.json": address})
    [dist] = distributions_of(run(tmp_path), "torch")
    assert dist["editable"] is True


def test_an_egg_info_file_and_folder(tmp_path: Path) -> None:
    (tmp_path / "torchvision-0.15.2-py3.11.egg-info").write_text("Name: torchvision\nVersion: 0.15.2\n")
    (tmp_path / "torch.egg-info").mkdir()
    (tmp_path / "torch.egg-info" / "PKG-INFO").write_text("Name: torch\nVersion: 2.0.0\n")
    found = distributions_of(run(tmp_path), "torch", "torchvision")
    assert {(dist["name"], dist["version"]) for dist in found} == {("torch", "2.0.0"), ("torchvision", "0.15.2")}


def test_other_packages_are_not_read(tmp_path: Path) -> None:
    metadata(tmp_path, "torchlike", "1.0")
    metadata(tmp_path, "requests", "2.0")
    assert distributions_of(run(tmp_path), "torchlike", "requests") == []


def test_metadata_that_cannot_be_read_leaves_what_the_folder_says(tmp_path: Path) -> None:
    (metadata(tmp_path, "torch", "2.5.1") / "METADATA").write_bytes(b"\xff\xfe\x00 nonsense\n" * 50)
    (tmp_path / "nvidia_cudnn_cu12-9.1.0.70.dist-info").mkdir()
    found = distributions_of(run(tmp_path), "torch", "nvidia-cudnn-cu12")
    assert [(dist["name"], dist["version"], dist["requires"]) for dist in found] == [
        ("nvidia-cudnn-cu12", "9.1.0.70", None),
        ("torch", "2.5.1", None),
    ]


def test_what_pip_left_half_removed_is_no_distribution(tmp_path: Path) -> None:
    metadata(tmp_path, "~orch", "2.5.1")
    assert distributions_of(run(tmp_path), "torch", "~orch", "-orch") == []


def test_odd_entries_of_the_path_do_no_harm(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "packages.zip", "w") as archive:
        archive.writestr("something.py", "")
    (tmp_path / "file").touch()
    site = tmp_path / "site"
    metadata(site, "torch", "2.5.1")
    for number in range(2000):
        (site / f"module_{number}.py").touch()
    result = run(tmp_path / "packages.zip", tmp_path / "file", tmp_path / "absent", site)
    assert [dist["version"] for dist in distributions_of(result, "torch")] == ["2.5.1"]
    assert torch_of(result)["module_file"] == ""


def test_a_module_of_the_standard_library_in_the_working_folder_does_no_harm(tmp_path: Path, elsewhere: Path) -> None:
    for name in ("json", "platform", "re", "struct", "channel", "distributions"):
        (elsewhere / f"{name}.py").write_text("raise RuntimeError('mine')\n")
    assert torch_of(run(tmp_path))["module_file"] == ""


def test_the_packages_finder_that_raises_leaves_torch_unknown(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nclass F:\n    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'torch': raise RuntimeError(name)\nsys.meta_path.insert(0, F())\n"
    )
    assert torch_of(run(tmp_path)) == {"module_file": None}


def test_what_the_interpreter_says_on_start_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text('print(\'{"stage": "torch"}\' * 1000)\n')
    result = run(tmp_path)
    assert torch_of(result)["module_file"] == ""
    assert result.stdout != ""


def test_the_interpreter_itself() -> None:
    found = said(run(), "interpreter")
    assert found is not None
    digits = "cp{}{}".format(*sys.version_info[:2])
    assert found["interpreter"]["tags"][0].startswith(f"{digits}-{digits}")
    assert found["interpreter"]["machine"] == os.uname().machine
    assert found["interpreter"]["base_prefix"] == sys.base_prefix
    assert found["markers"]["sys_platform"] == "linux"


OLD = sorted(Path.home().glob(".pyenv/versions/3.8.*/bin/python"))


@pytest.mark.skipif(not OLD, reason="needs a Python 3.8")
def test_the_oldest_python(tmp_path: Path) -> None:
    install_torch(tmp_path)
    metadata(tmp_path, "torchvision", "0.20.1", "Requires-Dist: torch (==2.5.1)")
    result = run(tmp_path, python=str(OLD[0]))
    assert torch_of(result)["version"] == "2.5.1+cu124"
    assert distributions_of(result, "torchvision")[0]["built_for_torch"] == "2.5.1"
