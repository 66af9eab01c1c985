"""What the user says this machine is for."""

from __future__ import annotations

from typing import ClassVar, Literal

from envdoctor.facts.base import Fact


class Expectation(Fact, frozen=True, kw_only=True):
    """The option ``--expect``."""

    default_source: ClassVar[str] = "--expect"

    device: Literal["gpu", "cpu"] | None = None
    """cpu: torch is meant to run on the processor here, and a GPU that is not used is no fault."""
    gpus: int | None = None
    """How many GPUs torch is to see."""
