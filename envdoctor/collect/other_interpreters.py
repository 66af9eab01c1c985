"""Other interpreters with a torch: what "it works in my other environment" is about. None of them is run."""

from __future__ import annotations

import glob
import itertools
import os
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from envdoctor.collect.api import collector
from envdoctor.collect.host import Host
from envdoctor.facts import Interpreter, OtherInterpreter, OtherInterpreters, TorchInstall

MOST = 40
"""Environments that are looked into; a machine of a hundred is not searched to the end."""

BESIDE = ("venv", ".venv", "env", "../venv", "../.venv")
"""Where virtual environments lie, seen from the working folder."""
AT_HOME = (
    ".venv",
    "venv",
    ".virtualenvs/*",
    ".local/share/virtualenvs/*",
    "envs/*",
    "venvs/*",
    ".local/share/uv/python/*",
)
"""Where environments and Pythons lie in the home folder."""
CONDA_ROOTS = ("miniconda3", "anaconda3", "miniforge3", "mambaforge", "micromamba", ".conda")

WORKING_FOLDER = "/proc/self/cwd"

_EXECUTABLE = re.compile(r"python(3(\.\d+)?)?$")
_VERSION = re.compile(r"^version(?:_info)? *= *(\d+\.\d+(?:\.\d+)?)", re.MULTILINE)
_ASSIGNED = r"^%s\b[^=\n]*= *(?:'([^']*)'|\"([^\"]*)\"|None)"


class Place(NamedTuple):
    """An environment: the folder that has ``lib/python3.11`` in it, and the interpreter to call."""

    prefix: str
    python: str


@collector
def other_interpreters(
    host: Host, interpreter: Interpreter | None, torch_install: TorchInstall | None
) -> OtherInterpreters:
    """The interpreters nearby that have a torch, but for the one that is examined."""
    seen = {_real(host, interpreter.prefix)} if interpreter and interpreter.prefix else set()
    folders = {_real(host, torch_install.location)} if torch_install and torch_install.location else set()
    found: list[OtherInterpreter] = []
    for place in itertools.islice(_places(host, interpreter), MOST * 3):
        prefix = _real(host, place.prefix)
        if prefix in seen:
            continue
        seen.add(prefix)
        for site in _sites_with_torch(host, place):
            if _real(host, site) not in folders:
                folders.add(_real(host, site))
                found.append(_described(host, place, site))
        if len(seen) > MOST:
            break
    return OtherInterpreters(
        interpreters=tuple(found), sources={"interpreters": "torch/version.py of the environments nearby"}
    )


def _places(host: Host, examined: Interpreter | None) -> Iterator[Place]:
    """Where to look, the likeliest first: what is active, on PATH, beside the working folder, then at home."""
    environ = host.environ
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if environ.get(variable):
            yield _environment(environ[variable])
    yield from _on_path(host)
    here, home = _working_folder(host), environ.get("HOME", "")
    if here:
        yield from map(_environment, (os.path.normpath(f"{here}/{name}") for name in BESIDE))
    if examined is not None and examined.virtual_env and examined.prefix:
        beside = _matching(host, os.path.dirname(examined.prefix), "*/pyvenv.cfg")
        yield from map(_environment, map(os.path.dirname, beside))
    yield from _conda(host, home)
    if home:
        yield from map(_environment, itertools.chain(*(_matching(host, home, pattern) for pattern in AT_HOME)))
    pyenv = environ.get("PYENV_ROOT") or (home and f"{home}/.pyenv")
    if pyenv:
        yield from map(_environment, _matching(host, pyenv, "versions/*"))


def _working_folder(host: Host) -> str:
    """The working folder; what PWD says where the kernel's word is not to be had (PWD can be stale, or not set)."""
    here = _real(host, WORKING_FOLDER)
    return host.environ.get("PWD", "") if here == WORKING_FOLDER else here


def _environment(prefix: str) -> Place:
    return Place(prefix, f"{prefix}/bin/python")


def _matching(host: Host, folder: str, pattern: str) -> Sequence[str]:
    return host.glob(f"{glob.escape(folder)}/{pattern}")


def _on_path(host: Host) -> Iterator[Place]:
    """The Pythons on PATH. One in a virtual environment's bin is that environment's; any other belongs where its link leads."""
    for folder in dict.fromkeys(host.environ.get("PATH", "").split(":")):
        if not folder.startswith("/") or folder.endswith("/shims"):
            continue
        for path in _matching(host, folder, "python*"):
            if not _EXECUTABLE.match(os.path.basename(path)):
                continue
            parent = os.path.dirname(folder)
            if _text(host, f"{parent}/pyvenv.cfg") is None:
                parent = os.path.dirname(os.path.dirname(_real(host, path)))
            yield Place(parent, path)


def _conda(host: Host, home: str) -> Iterator[Place]:
    """The conda environments that conda itself lists, those beside the active one, and those of the usual installations."""
    listed = (_text(host, f"{home}/.conda/environments.txt") or "") if home else ""
    yield from map(_environment, filter(None, listed.splitlines()))
    roots = [f"{home}/{name}" for name in CONDA_ROOTS] if home else []
    active = host.environ.get("CONDA_PREFIX", "")
    if active:
        roots = [active.partition("/envs/")[0], *roots]
    for root in (*roots, "/opt/conda", "/opt/miniconda3"):
        yield _environment(root)
        yield from map(_environment, _matching(host, root, "envs/*"))


def _sites_with_torch(host: Host, place: Place) -> Iterator[str]:
    """The package folders of an environment that have a torch in them. The system's Python also sees those of /usr/local and the user."""
    patterns = [f"{glob.escape(place.prefix)}/lib*/python3*/*-packages"]
    if place.prefix == "/usr":
        patterns += ["/usr/local/lib/python3*/dist-packages"]
    home = host.environ.get("HOME", "")
    version = re.search(r"python(3\.\d+)$", _real(host, place.python))
    if home and version and _text(host, f"{place.prefix}/pyvenv.cfg") is None:
        patterns += [f"{glob.escape(home)}/.local/lib/python{version[1]}/site-packages"]
    for pattern in patterns:
        for path in host.glob(f"{pattern}/torch/version.py"):
            yield path.removesuffix("/torch/version.py")


def _described(host: Host, place: Place, site: str) -> OtherInterpreter:
    text = _text(host, f"{site}/torch/version.py")
    told = _VERSION.search(_text(host, f"{place.prefix}/pyvenv.cfg") or "")
    folder = re.search(r"/python(3\.\d+)/", site)
    return OtherInterpreter(
        path=place.python,
        version=told[1] if told else folder[1] if folder else None,
        torch_version=_assigned(text, "__version__") or None if text else None,
        torch_cuda=_assigned(text, "cuda") if text else None,
        sources={"torch_version": f"{site}/torch/version.py", "torch_cuda": f"{site}/torch/version.py"},
    )


def _assigned(text: str, name: str) -> str:
    """The text that a line of version.py gives to `name`; empty: None, or no such line."""
    match = re.search(_ASSIGNED % name, text, re.MULTILINE)
    return (match[1] or match[2] or "") if match else ""


def _text(host: Host, path: str) -> str | None:
    try:
        return host.read(path, 1 << 16)
    except (OSError, ValueError):
        return None


def _real(host: Host, path: str) -> str:
    try:
        return host.resolve(path)
    except (OSError, ValueError):
        return path
