"""The examined interpreter and what is installed in it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from envdoctor.collect.api import collector
from envdoctor.collect.host import CannotLook, ChildResult, Host
from envdoctor.collect.interpreter import BadInterpreter, choose_interpreter
from envdoctor.collect.loader import read_elf
from envdoctor.collect.process_python import site_of
from envdoctor.collect.said import died, said
from envdoctor.facts import Distribution, Interpreter, Packages, Pin, TorchInstall

STAGES = {"interpreter": "starting it", "distributions": "reading its packages", "torch": "looking for torch"}
CUDA_LIBRARIES = ("nvidia-", "triton", "cuda-")


@collector(first=True)
def python_install(host: Host) -> tuple[Interpreter, TorchInstall, Packages]:
    """The interpreter, its torch and what goes with it, from a child that runs in it and imports none of them."""
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
    return read_python(result, python, why)


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
        end = f"it ended with exit code {result.exit_code} and said nothing that an interpreter would"
        return BadInterpreter(f"{python} is no Python interpreter: {end}")
    return died(result, {stage: f"{python}: {what}" for stage, what in STAGES.items()}, python)


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
