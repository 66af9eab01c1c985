"""An image is judged by its files: which torch it has, with what, and that none of it is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from envdoctor.collect.host import CannotLook, LiveHost
from envdoctor.collect.python_install import python_install
from envdoctor.collect.request import Request
from envdoctor.examine import judge, look
from envdoctor.report.model import Report

VERSION = "__version__ = '{version}'\ncuda: Optional[str] = {cuda}\n"
METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}\n"


def image(root: Path, site: str, version: str, cuda: str) -> Path:
    """An image with a torch in the package folder `site`, and an interpreter that must not be run."""
    torch = root / site / "torch"
    (torch / "lib").mkdir(parents=True)
    (torch / "__init__.py").write_text("raise SystemExit('imported')\n")
    (torch / "version.py").write_text(VERSION.format(version=version, cuda=cuda))
    (torch / "lib" / ("libtorch_cuda.so" if cuda != "None" else "libtorch_cpu.so")).touch()
    wheel(root / site, "torch", version, "Requires-Dist: nvidia-cudnn-cu12==9.1.0.70; platform_system == 'Linux'")
    python = root / site.partition("/lib")[0] / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\ntouch /tmp/envdoctor-ran-the-image\n")
    python.chmod(0o755)
    return root


def wheel(site: Path, name: str, version: str, requires: str = "") -> None:
    folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(METADATA.format(name=name, version=version, requires=requires))


def examined(root: Path, python: str | None = None) -> Report:
    return judge(look(LiveHost(request=Request(python=python), sysroot=str(root))))


def test_a_build_without_cuda_is_named_with_the_images_own_interpreter(tmp_path: Path) -> None:
    report = examined(image(tmp_path, "opt/venv/lib/python3.12/site-packages", "2.6.0+cpu", "None"))
    assert report.verdict.cause == "torch.cpu-only-build"
    [finding] = report.causes()
    assert (finding.fix[0].command or "").startswith("/opt/venv/bin/python -m pip install ")
    assert not Path("/tmp/envdoctor-ran-the-image").exists()


def test_a_wheel_that_torch_did_not_ask_for_is_named(tmp_path: Path) -> None:
    root = image(tmp_path, "usr/local/lib/python3.11/site-packages", "2.6.0+cu124", "'12.4'")
    wheel(root / "usr/local/lib/python3.11/site-packages", "nvidia-cudnn-cu12", "8.9.2.26")
    assert "torch.pinned-libs-mismatch" in {finding.id for finding in examined(root).findings}


def test_an_image_in_which_nothing_is_wrong_leaves_the_rest_to_the_machine(tmp_path: Path) -> None:
    root = image(tmp_path, "usr/local/lib/python3.11/site-packages", "2.6.0+cu124", "'12.4'")
    wheel(root / "usr/local/lib/python3.11/site-packages", "nvidia-cudnn-cu12", "9.1.0.70")
    verdict = examined(root).verdict
    assert (verdict.status, verdict.cause) == ("unknown", None)
    assert verdict.summary.startswith("Nothing in these files keeps torch 2.6.0+cu124 from a GPU")


def test_the_environment_that_is_named_is_the_one(tmp_path: Path) -> None:
    image(tmp_path, "opt/venv/lib/python3.12/site-packages", "2.6.0+cpu", "None")
    image(tmp_path, "srv/tool/lib/python3.10/site-packages", "2.5.1+cu124", "'12.4'")
    host = LiveHost(request=Request(python="/srv/tool/bin/python"), sysroot=str(tmp_path))
    interpreter, install, packages = python_install(host)
    assert (interpreter.version, install.version, install.build) == ("3.10", "2.5.1+cu124", "cuda")
    assert packages.distributions[0].location == "/srv/tool/lib/python3.10/site-packages"


def test_an_image_without_torch_in_any_usual_place_is_not_called_one_without_torch(tmp_path: Path) -> None:
    with pytest.raises(CannotLook, match="no torch was found in the usual places"):
        python_install(LiveHost(sysroot=str(tmp_path)))
