"""Which interpreter is examined."""

from __future__ import annotations

import glob
import os
import shutil
import sys
from pathlib import Path

from envdoctor.collect.host import CannotLook, Host


class BadInterpreter(CannotLook):
    """The interpreter that was named is none that can be examined; the detail says why."""

    def __init__(self, detail: str) -> None:
        super().__init__("failed", detail)


def verify_interpreter(path: str) -> None:
    """Raise BadInterpreter for what can be seen to be no interpreter without running it."""
    if not os.path.lexists(path):
        raise BadInterpreter(f"there is no {path}")
    if Path(path).is_dir():
        inside = f"{path}/bin/python"
        hint = f"; did you mean {inside}?" if os.access(inside, os.X_OK) else ""
        raise BadInterpreter(f"{path} is a folder, not an interpreter{hint}")
    if not os.path.exists(path):
        gone = (
            "the Python that this environment was made with is gone" if _is_environment(path) else "that is not there"
        )
        raise BadInterpreter(f"{path} is a link to {os.readlink(path)}: {gone}")
    if not os.access(path, os.X_OK):
        raise BadInterpreter(f"{path} is not executable")


def _is_environment(python: str) -> bool:
    """Whether it is the interpreter of a virtual environment, by where it lies."""
    return os.path.exists(os.path.join(os.path.dirname(os.path.dirname(python)), "pyvenv.cfg"))


def choose_interpreter(host: Host) -> tuple[str, str]:
    """The path of the interpreter to examine, and why it is this one.

    That of the process that the user named, or the one that the user named itself; else the active virtual or conda
    environment's; else the one envdoctor runs in. But an envdoctor with no torch beside it does not speak for the
    machine where it was installed by itself (pipx, uvx), or where ``python3`` on PATH has a torch: then it is that
    one.
    """
    if host.request.pid is not None:
        from envdoctor.collect.process_python import interpreter_of

        return interpreter_of(host, host.request.pid)
    if host.request.python is not None:
        return host.request.python, "--python"
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        prefix = host.environ.get(variable)
        if prefix and _is_file(host, f"{prefix}/bin/python"):
            return f"{prefix}/bin/python", variable
    on_path = shutil.which("python3", path=host.environ.get("PATH")) if host.live else None
    own = sys.executable or on_path
    if own and (_has_torch(host, own) or on_path is None or os.path.realpath(on_path) == os.path.realpath(own)):
        return own, "the interpreter envdoctor runs in"
    if on_path is not None and (own is None or _is_isolated(own) or _has_torch(host, on_path)):
        return on_path, "python3 on PATH (envdoctor runs in an environment of its own, without torch)"
    if own is None:
        raise CannotLook("absent", "there is no python3 on PATH")
    return own, "the interpreter envdoctor runs in"


def _has_torch(host: Host, python: str) -> bool:
    """Whether a torch lies beside an interpreter: in its virtual environment, or where its link leads."""
    prefix = os.path.dirname(os.path.dirname(python))
    if not _is_file(host, f"{prefix}/pyvenv.cfg"):
        prefix = os.path.dirname(os.path.dirname(os.path.realpath(python)))
    folders = [f"{glob.escape(prefix)}/lib/python3*", *(["/usr/local/lib/python3*"] if prefix == "/usr" else [])]
    return any(host.glob(f"{folder}/*-packages/torch/version.py") for folder in folders)


def _is_isolated(python: str) -> bool:
    """Whether a tool runner (pipx, uv) made this environment for envdoctor alone."""
    return any(part in python for part in ("/pipx/", "/uv/tools/", "/uv/archive-", "/.cache/uv/"))


def _is_file(host: Host, path: str) -> bool:
    try:
        return host.exists(path)
    except OSError:
        return False
