"""Environment variables and toolkits."""

from __future__ import annotations

from typing import ClassVar

from envdoctor.facts.base import Fact


class Environment(Fact, frozen=True, kw_only=True):
    """The environment variables that change how CUDA, torch or the loader behave (knowledge/data/variables.json lists them with what they change)."""

    default_source: ClassVar[str] = "environment"

    variables: dict[str, str] = {}
    """Only those that are set."""

    def get(self, name: str) -> str | None:
        """The value of a variable; None: it is known not to be set (the fact itself is unknown where nobody could look)."""
        return self.variables.get(name)


class Toolkit(Fact, frozen=True, kw_only=True):
    """CUDA toolkits for compiling. torch's own wheels need none."""

    nvcc: str | None = None
    """The nvcc that a build would take (CUDA_HOME, then PATH, then /usr/local/cuda); empty: none found."""
    nvcc_version: str | None = None
    """``12.4``."""
    cuda_home: str | None = None
    """CUDA_HOME or CUDA_PATH; empty: not set."""
    installed: tuple[str, ...] = ()
    """Toolkit folders under /usr/local."""
    gcc_version: str | None = None
