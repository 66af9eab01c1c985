"""What a program's own log tells of how it ran."""

from __future__ import annotations

from typing import ClassVar

from envdoctor.facts.base import Fact


class ProgramLog(Fact, frozen=True, kw_only=True):
    """Figures that programs print of themselves while they load and train."""

    default_source: ClassVar[str] = "the program's log"

    step_seconds: float | None = None
    """Of a training step, on average."""
    data_seconds: float | None = None
    """Of these, those in which the step waited for its data."""
    first_seconds: float | None = None
    """Of the first use of the GPU in a program, where later ones took next to nothing."""
    peer_gbs: float | None = None
    """The slowest pair of GPUs with peer-to-peer copies, as p2pBandwidthLatencyTest measures it; GB/s."""
    staged_gbs: float | None = None
    """The same without them: through the host's memory."""
    layers_asked: int | None = None
    """Layers that llama.cpp was told to put on the GPU; -1: all."""
    layers_offloaded: bool | None = None
    """Whether its log speaks of any layer on a GPU; None: it is not llama.cpp's, or ends before it would."""
    cuda: str | None = None
    """``10``: the CUDA of the libraries that the program says it loaded."""
    capabilities: tuple[str, ...] = ()
    """``8.6``: the GPUs' compute capabilities as the program lists them."""
