"""Which interpreter a running process is, as it would have to be called to get the same environment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from envdoctor.collect.host import CannotLook, Host
from envdoctor.collect.proc import has_own_files, private, status_of

PYTHON = re.compile(r"(?:python|pypy)[\d.]*(?:-dbg|t|d)?")
PACKAGES = re.compile(r"(?P<prefix>/.*)/lib(?:64)?/python3[^/]*/site-packages/")
TORCH = re.compile(r" (?P<site>/[^\n]*)/torch/lib/libtorch\w*\.so$", re.MULTILINE)
DELETED = " (deleted)"


def interpreter_of(host: Host, pid: int) -> tuple[str, str]:
    """The path of the process's interpreter, and how it was told. A virtual environment's is a link to the program that
    /proc/PID/exe names: its own name for itself, the environment that was active, or the packages that it has mapped tell which.
    Raises CannotLook where the process is no Python, is in a container, or may not be looked at."""
    with private(host, pid, "the program"):
        program = host.link(f"/proc/{pid}/exe")
    if has_own_files(host, pid):
        inside = status_of(host, pid).get("NSpid", "").split()[-1:] or [str(pid)]
        where = f"run envdoctor check --pid {inside[0]} in there"
        raise CannotLook("failed", f"process {pid} has files of its own (a container): {where}")
    if program.endswith(DELETED):
        raise CannotLook("failed", f"the program of process {pid} was deleted or replaced: {program[: -len(DELETED)]}")
    if not is_python(program):
        raise CannotLook("absent", f"process {pid} is no Python: it runs {program}")
    for path, why in _candidates(host, pid):
        if os.path.realpath(path) == os.path.realpath(program) and os.access(path, os.X_OK):
            return path, f"{why} of process {pid}"
    return program, f"/proc/{pid}/exe"


def is_python(program: str) -> bool:
    """Whether a program's file is called as interpreters are."""
    return PYTHON.fullmatch(os.path.basename(program.removesuffix(DELETED))) is not None


def _candidates(host: Host, pid: int) -> Iterator[tuple[str, str]]:
    try:
        called = host.read(f"/proc/{pid}/cmdline", 4096).split("\0", 1)[0]
        folder = host.link(f"/proc/{pid}/cwd")
    except OSError:
        called, folder = "", "/"
    if "/" in called:
        yield os.path.normpath(os.path.join(folder, called)), "argv[0]"
    elif called:
        for entry in host.environ.get("PATH", "").split(":"):
            if entry.startswith("/") and os.path.exists(f"{entry}/{called}"):
                yield f"{entry}/{called}", "argv[0] on PATH"
                break
    for prefix in _mapped_prefixes(host, pid):
        if os.path.exists(f"{prefix}/pyvenv.cfg") or os.path.isdir(f"{prefix}/conda-meta"):
            yield f"{prefix}/bin/python", "mapped packages"
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if host.environ.get(variable):
            yield f"{host.environ[variable]}/bin/python", variable


def site_of(host: Host, pid: int) -> str | None:
    """The folder from which the process has its torch; None: it has none, or nobody may look."""
    try:
        found = TORCH.search(host.read(f"/proc/{pid}/maps", 8 << 20))
    except OSError:
        return None
    return found["site"] if found else None


def _mapped_prefixes(host: Host, pid: int) -> tuple[str, ...]:
    try:
        lines = host.read(f"/proc/{pid}/maps", 8 << 20).split("\n")
    except OSError:
        return ()
    found = (PACKAGES.search(line) for line in lines if "-packages/" in line)
    return tuple(dict.fromkeys("/" + match["prefix"].lstrip("/") for match in found if match))
