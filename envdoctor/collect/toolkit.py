"""CUDA toolkits for compiling."""

from __future__ import annotations

import re
import shutil

from envdoctor.collect.api import collector
from envdoctor.collect.host import CannotLook, Host
from envdoctor.facts import Toolkit


@collector
def toolkit(host: Host) -> Toolkit:
    """The nvcc that building an extension would take, and every toolkit under /usr/local."""
    home = host.environ.get("CUDA_HOME") or host.environ.get("CUDA_PATH") or ""
    nvcc = _nvcc(host, home)
    return Toolkit(
        nvcc=nvcc,
        nvcc_version=_version(host, nvcc) if nvcc else None,
        cuda_home=home,
        installed=tuple(host.glob("/usr/local/cuda-[0-9]*")),
        sources={
            "nvcc": "CUDA_HOME, PATH, /usr/local/cuda",
            "nvcc_version": nvcc,
            "cuda_home": "environment CUDA_HOME",
        },
    )


def _nvcc(host: Host, home: str) -> str:
    """torch.utils.cpp_extension looks in this order too."""
    on_path = shutil.which("nvcc", path=host.environ.get("PATH")) if host.live else None
    for path in (f"{home}/bin/nvcc" if home else None, on_path, "/usr/local/cuda/bin/nvcc"):
        try:
            if path and host.exists(path):
                return path
        except OSError:
            continue
    return ""


def _version(host: Host, nvcc: str) -> str | None:
    """``12.4``, from the toolkit's own files where they tell, else from ``nvcc --version``."""
    try:
        root = host.resolve(nvcc).removesuffix("/bin/nvcc")
        match = re.search(r'"cuda"\s*:\s*\{[^}]*"version"\s*:\s*"(\d+\.\d+)', host.read(f"{root}/version.json"))
    except OSError:
        match = None
    if match is None:
        try:
            match = re.search(r"release (\d+\.\d+)", host.run((nvcc, "--version"), seconds=3).stdout)
        except CannotLook:
            return None
    return match[1] if match else None
