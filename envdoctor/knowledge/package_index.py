"""What a package index can tell, asked through pip as it is configured. Metadata only: a torch wheel weighs half a gigabyte."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from envdoctor.knowledge.releases import Machine, minor_of

PLATFORMS = ("manylinux_2_34", "manylinux_2_28", "manylinux2014", "manylinux1")
OLDEST_PIP = Version("23.3")
"""From here on a dry run reads metadata alone (pip's changelog)."""


@dataclass(frozen=True)
class Metadata:
    """What the index says of one wheel."""

    wheel: str
    """Its file name."""
    requires: tuple[str, ...]
    """Requires-Dist."""


class Index(Protocol):
    """A package index."""

    def versions(self, package: str, python: str, machine: Machine) -> Sequence[str]:
        """The releases that have a wheel for that Python and machine."""

    def metadata(self, package: str, version: str, python: str, machine: Machine) -> Metadata:
        """The metadata of one wheel."""


class PipIndex:
    """The index that pip is configured for."""

    def _pip(self, command: str, python: str, machine: Machine, *more: str) -> str:
        platforms = [part for name in PLATFORMS for part in ("--platform", f"{name}_{machine}")]
        line = [sys.executable, "-m", "pip", *command.split(), *more, "--python-version", python, *platforms]
        done = subprocess.run([*line, "--only-binary", ":all:"], capture_output=True, text=True, check=False)
        if done.returncode:
            raise LookupError(
                done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"pip ended with {done.returncode}"
            )
        return done.stdout

    def versions(self, package: str, python: str, machine: Machine) -> Sequence[str]:
        """See `Index.versions`. None for that Python is an empty answer, not an error."""
        try:
            return parse_versions(self._pip("index versions", python, machine, package))
        except LookupError as error:
            if "No matching distribution" in str(error):
                return ()
            raise

    def metadata(self, package: str, version: str, python: str, machine: Machine) -> Metadata:
        """See `Index.metadata`. Raises LookupError for a pip that would download the whole wheel.

        fast-deps reads the metadata out of the remote wheel where the index does not serve it apart.
        """
        if Version(importlib.metadata.version("pip")) < OLDEST_PIP:
            raise LookupError(f"pip {OLDEST_PIP} or newer is needed: older ones download whole wheels")
        quiet = (
            "--dry-run",
            "--ignore-installed",
            "--no-deps",
            "--quiet",
            "--use-feature=fast-deps",
            "--target",
            "unused",
        )
        text = self._pip("install", python, machine, *quiet, "--report", "-", f"{package}=={version}")
        return parse_report(text)


def parse_versions(text: str) -> tuple[str, ...]:
    """The stable versions in what ``pip index versions`` prints, oldest first; local builds (``+cpu``) left out."""
    found = re.search(r"^Available versions: (.*)$", text, re.MULTILINE)
    versions = [part.strip() for part in found[1].split(",")] if found else []
    return tuple(
        sorted((name for name in versions if "+" not in name and not Version(name).is_prerelease), key=Version)
    )


def parse_report(text: str) -> Metadata:
    """The one wheel in an installation report of pip. Raises LookupError where there is none."""
    installs: list[dict[str, Any]] = json.loads(text)["install"]
    if len(installs) != 1:
        raise LookupError(f"{len(installs)} distributions in the report, not one")
    [install] = installs
    wheel = install["download_info"]["url"].rpartition("/")[2]
    return Metadata(wheel=wheel, requires=tuple(install["metadata"].get("requires_dist", ())))


def pins_in(requires: Iterable[str], machine: Machine, python: str) -> dict[str, str]:
    """The nvidia-*, cuda-* and triton requirements that hold on Linux on that machine: name (with extras) to specifier."""
    environment = {
        "platform_machine": machine,
        "platform_system": "Linux",
        "sys_platform": "linux",
        "os_name": "posix",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "python_version": python,
        "python_full_version": f"{python}.0",
        "extra": "",
    }
    pins: dict[str, str] = {}
    for requirement in map(Requirement, requires):
        name = canonicalize_name(requirement.name)
        wanted = name.startswith(("nvidia-", "cuda-")) or name == "triton"
        if wanted and (requirement.marker is None or requirement.marker.evaluate(environment)):
            extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
            pins[name + extras] = str(requirement.specifier)
    return pins


def version_pinned(pins: dict[str, str], pattern: str) -> str | None:
    """The version that the requirement whose name matches `pattern` is pinned to."""
    specifiers = (specifier for name, specifier in pins.items() if re.match(pattern, name))
    return next((found[1] for found in (re.fullmatch(r"==([0-9.]+)", spec) for spec in specifiers) if found), None)


def cuda_in(pins: dict[str, str]) -> str | None:
    """The CUDA (``13.2``) that a torch with these pins is built with; None: a CPU build."""
    version = version_pinned(pins, r"cuda-toolkit\b|nvidia-cuda-runtime")
    return minor_of(version) if version else None


def glibc_of(wheel: str) -> str:
    """The lowest glibc that a wheel's platform tags name."""
    tags = [f"{major}.{minor}" for major, minor in re.findall(r"manylinux_(\d+)_(\d+)_", wheel)]
    tags += ["2.17"] if "manylinux2014" in wheel else []
    return min(tags, key=Version, default="2.17")
