"""Where an image (``--sysroot``) has its torch, and what its files tell of it. Nothing of the image is run."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from envdoctor.collect.host import CannotLook, Host, LiveHost

PREFIXES = (
    *(
        "/opt/venv",
        "/venv",
        "/.venv",
        "/app/.venv",
        "/app/venv",
        "/opt/conda",
        "/opt/conda/envs/*",
        "/opt/*",
        "/opt/*/.venv",
    ),
    *(
        "/workspace/.venv",
        "/srv/*/.venv",
        "/root/.venv",
        "/root/venv",
        "/root/*/.venv",
        "/root/miniconda3",
        "/root/.pyenv/versions/*",
    ),
    *("/home/*/.venv", "/home/*/venv", "/home/*/miniconda3", "/usr/local", "/usr"),
)
"""Where images have their Python environments, what was made for one purpose before what the system brought."""


def find_site(host: Host, python: str | None) -> tuple[str, str]:
    """The package folder that has a torch, and the prefix of its environment, as paths of the image. Raises CannotLook("absent")."""
    for prefix in _prefixes(python):
        for site in _sites(host, prefix):
            if host.exists(f"{site}/torch"):
                return site, str(PurePosixPath(site).parents[2])
    where = f"beside {python}" if python else "in the usual places"
    raise CannotLook("absent", f"no torch was found {where} of the image; --python PATH names an environment of it")


def _prefixes(python: str | None) -> tuple[str, ...]:
    return (glob.escape(str(PurePosixPath(python).parent.parent)),) if python else PREFIXES


def _sites(host: Host, prefix: str) -> Iterator[str]:
    patterns = [f"{prefix}/lib*/python3*/*-packages"]
    if prefix == "/usr":  # Debian's Python looks there too
        patterns.append("/usr/local/lib/python3*/*-packages")
    for pattern in patterns:
        yield from host.glob(pattern)


def read_packages(host: Host, site: str) -> list[dict[str, Any]]:
    """The distributions that matter in a package folder of the image; places are the image's."""
    from envdoctor.inside import distributions

    found: list[dict[str, Any]] = distributions.installed([str(_place(host, site))])
    return [{**dist, "location": site} for dist in found]


def read_torch(host: Host, site: str) -> dict[str, Any]:
    """The fields of `TorchInstall` that the files of a torch tell; places are the image's."""
    from envdoctor.inside import torch_package

    folder = str(_place(host, f"{site}/torch"))
    is_torch = torch_package.is_pytorch(folder)
    found = {
        "present": is_torch,
        "module_file": f"{site}/torch/__init__.py",
        "module_kind": "package" if is_torch else "shadow",
    }
    return {**found, **torch_package.torch_files(folder), "location": site} if is_torch else found


def _place(host: Host, path: str) -> Any:
    if not isinstance(host, LiveHost):
        raise CannotLook("skipped", "a recorded machine has no files")
    return host.place(path)
