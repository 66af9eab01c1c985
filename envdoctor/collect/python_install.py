"""The examined interpreter and what is installed in it."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envdoctor.collect.api import collector
from envdoctor.collect.host import CannotLook, ChildResult, Host
from envdoctor.collect.image_python import find_site, read_packages, read_torch
from envdoctor.collect.interpreter import BadInterpreter, choose_interpreter
from envdoctor.collect.loader import read_elf
from envdoctor.collect.process_python import site_of
from envdoctor.collect.said import TRACEBACK, died, said
from envdoctor.facts import Distribution, Interpreter, Packages, Pin, TorchInstall

STAGES = {"interpreter": "starting it", "distributions": "reading its packages", "torch": "looking for torch"}
OLDEST = (3, 8)
CUDA_LIBRARIES = ("nvidia-", "triton", "cuda-")


@collector(first=True)
def python_install(host: Host) -> tuple[Interpreter, TorchInstall, Packages]:
    """The interpreter, its torch and what goes with it, from a child that runs in it and imports none of them; of an image, from its files."""
    if not host.live:
        return image_python(host)
    python, why = choose_interpreter(host)
    interpreter, install, packages = _ask(host, python, why, host.environ)
    pid = host.request.pid
    site = site_of(host, pid) if pid is not None else None
    if site is not None and os.path.realpath(install.location or "") != os.path.realpath(site):
        # The program itself put another folder on its path: what it has loaded counts.
        path = ":".join(filter(None, (site, host.environ.get("PYTHONPATH"))))
        interpreter, install, packages = _ask(host, python, why, {**host.environ, "PYTHONPATH": path})
    program = read_elf(interpreter.real_path) if interpreter.real_path else None
    rpath = program.rpath if program else None
    return msgspec.structs.replace(interpreter, rpath=rpath), install, packages


def _ask(host: Host, python: str, why: str, environ: Mapping[str, str]) -> tuple[Interpreter, TorchInstall, Packages]:
    try:
        result = host.child("python_install.py", python=python, environ=environ)
    except CannotLook as error:
        if error.problem.kind == "skipped":
            raise
        raise BadInterpreter(f"{python} cannot be run as an interpreter: {error.problem.detail}") from error
    if result.outcome == "exited" and not result.stages and (version := _version(host, python, "-I", "-S")) is not None:
        begins = _version(host, python) is not None
        what = "cannot import its own standard library" if begins else "ends in its own start"
        line = _last_line(result.stderr)
        words = f" with exit code {result.exit_code}" + (f": {line}" if line else "")
        raise CannotLook("crashed", f"{python} (Python {version}) {what}{words}")
    return read_python(result, python, why)


def _version(host: Host, python: str, *flags: str) -> str | None:
    """What a program says that it is when it is started with these flags; None: no Python of today. ``-I -S``: without any package.

    A sitecustomize, or a line of a .pth file, can end every program of an interpreter that is well otherwise.
    """
    try:
        finished = host.run([python, *flags, "-c", "import sys; print('Python %d.%d' % sys.version_info[:2])"])
    except CannotLook:
        return None
    match = re.fullmatch(r"Python (3\.\d+)\s*", finished.stdout)
    return match[1] if match is not None and tuple(map(int, match[1].split("."))) >= OLDEST else None


def image_python(host: Host) -> tuple[Interpreter, TorchInstall, Packages]:
    """The same from the files of an image (``--sysroot``), of whose programs none is run: the environment of ``--python``, else the first that
    has a torch in one of the usual places. Raises CannotLook where there is none: it may lie in any other place."""
    wanted = host.request.python
    site, prefix = find_site(host, wanted)
    python = wanted or f"{prefix}/bin/python{'3' * (prefix == '/usr')}"
    found = msgspec.convert(read_packages(host, site), tuple[Distribution, ...], strict=False)
    install: TorchInstall = msgspec.convert(read_torch(host, site), TorchInstall, strict=False)
    ours = _winners_first([dist for dist in found if dist.name == "torch"], install.version)
    minor = site.rpartition("/python")[2].partition("/")[0]
    machine = platform.machine()
    markers = {name: str(value) for name, value in default_environment().items()}
    markers |= {"python_version": minor, "python_full_version": f"{minor}.0"}
    return (
        Interpreter(
            path=python,
            version=minor,
            prefix=prefix,
            sys_path=(site,),
            machine=machine,
            chosen_by="--python" if wanted else "the first environment of the image that has a torch",
            sources={"version": site},
        ),
        msgspec.structs.replace(
            install,
            distributions=ours,
            pins=pins_of(ours[0], found, markers) if ours else None,
            sources=_sources(install),
        ),
        Packages(distributions=tuple(map(_without_menu, found)), sources={"distributions": site}),
    )


def read_python(result: ChildResult, python: str, why: str) -> tuple[Interpreter, TorchInstall, Packages]:
    """The child's words as facts. Raises BadInterpreter for what is no Python, or one that is too old."""
    words, packages, torch = (said(result, stage) for stage in STAGES)
    if words is None or packages is None or torch is None:
        raise _no_answer(result, python)
    interpreter: Interpreter = msgspec.convert(
        {**words["interpreter"], "path": python, "chosen_by": why}, Interpreter, strict=False
    )
    found = msgspec.convert(packages["distributions"], tuple[Distribution, ...], strict=False)
    install: TorchInstall = msgspec.convert(torch["torch"], TorchInstall, strict=False)
    ours = _winners_first([dist for dist in found if dist.name == "torch"], install.version)
    pins = pins_of(ours[0], found, words["markers"]) if ours else None
    return (
        msgspec.structs.replace(interpreter, sources={"version": python, "path": why}),
        msgspec.structs.replace(install, distributions=ours, pins=pins, sources=_sources(install)),
        Packages(
            distributions=tuple(map(_without_menu, found)), sources={"distributions": f"the packages of {python}"}
        ),
    )


def _winners_first(torches: Sequence[Distribution], version: str | None) -> tuple[Distribution, ...]:
    """In path order, as they came; of two in one folder, the one that torch/version.py bears out first."""
    order = list(dict.fromkeys(dist.location for dist in torches))
    told = (version or "").partition("+")[0]
    return tuple(sorted(torches, key=lambda dist: (order.index(dist.location), dist.version.partition("+")[0] != told)))


def _without_menu(dist: Distribution) -> Distribution:
    """cuda-toolkit requires every CUDA library there is, each for an extra; what torch asks of it is among the pins."""
    return msgspec.structs.replace(dist, requires=()) if dist.name == "cuda-toolkit" else dist


def _sources(install: TorchInstall) -> dict[str, str]:
    place = f"{install.location}/torch" if install.location else "the interpreter's path"
    return {
        "present": "the interpreter's path",
        "distributions": "the interpreter's path",
        "module_file": "the interpreter's path",
        "module_kind": "the interpreter's path",
        "version": f"{place}/version.py",
        "cuda": f"{place}/version.py",
        "hip": f"{place}/version.py",
        "has_cuda_library": f"{place}/lib",
        "pins": "torch's own metadata (Requires-Dist)",
    }


def _no_answer(result: ChildResult, python: str) -> CannotLook:
    for line in result.stages:
        if "unsupported" in line:
            return BadInterpreter(f"{python} is Python {line['unsupported']}; envdoctor examines 3.8 and newer")
    words = result.stderr + result.stdout
    if not result.stages and result.outcome == "exited":
        if (
            "SyntaxError" in words
            or "has no attribute 'spec_from_file_location'" in words
            or "No module named util" in words
        ):
            return BadInterpreter(f"{python} is a Python older than 3.8; envdoctor examines 3.8 and newer")
        told = _last_line(result.stderr)
        end = f"and said {told!r}" if told else "and said nothing that an interpreter would"
        return BadInterpreter(f"{python} is no Python interpreter: it ended with exit code {result.exit_code} {end}")
    return died(result, {stage: f"{python}: {what}" for stage, what in STAGES.items()}, python)


def _last_line(stderr: str) -> str:
    """The line that says why: a traceback's last, else the first."""
    lines = stderr.strip().splitlines() or [""]
    ends = TRACEBACK in stderr or "Fatal Python error" in stderr
    told = [line for line in lines if "Error" in line and not line.startswith(("Fatal", " ", "Error processing"))]
    return " ".join((told[-1] if ends and told else lines[0]).split())[:120]


def pins_of(torch: Distribution, installed: Iterable[Distribution], markers: Mapping[str, str]) -> tuple[Pin, ...]:
    """What torch's metadata asks of CUDA libraries, its markers evaluated, against what is installed."""
    by_name: dict[str, Distribution] = {}
    for dist in installed:
        by_name.setdefault(dist.name, dist)
    return tuple({(pin.name, pin.specifier): pin for pin in _pins(torch, "", by_name, markers)}.values())


def _pins(
    dist: Distribution, extra: str, by_name: Mapping[str, Distribution], markers: Mapping[str, str]
) -> Iterator[Pin]:
    """The pins of one distribution (with one of its extras), and through ``cuda-toolkit[cublas,…]`` those of the toolkit."""
    for text in dist.requires or ():
        if extra and f"'{extra}'" not in text.replace('"', "'"):
            continue  # of cuda-toolkit's seventy, one extra asks for a few: the others are not worth parsing
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            continue
        name = canonicalize_name(wanted.name)
        if not name.startswith(CUDA_LIBRARIES) or not _applies(wanted, markers, extra):
            continue
        found = by_name.get(name)
        version = found.version if found is not None else ""
        yield Pin(name=name, specifier=str(wanted.specifier), installed=version, satisfied=_fits(wanted, version))
        if found is not None and found is not dist:
            for inner in sorted(wanted.extras):
                yield from _pins(found, inner, by_name, markers)


def _applies(wanted: Requirement, markers: Mapping[str, str], extra: str) -> bool:
    """Whether a requirement holds here. With an extra, only what that extra adds is of interest."""
    if wanted.marker is None:
        return not extra
    environment: dict[str, Any] = {**markers, "extra": extra}
    return wanted.marker.evaluate(environment) and (not extra or "extra" in str(wanted.marker))


def _fits(wanted: Requirement, version: str) -> bool:
    try:
        return bool(version) and wanted.specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return False
