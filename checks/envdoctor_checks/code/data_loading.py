"""code.data-loading"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.said import confidence_of, pointing_at, quoted
from envdoctor.facts import Messages


@check("code.data-loading", fields=("messages.messages",))
def data_loading(messages: Messages) -> Iterator[Finding]:
    """The input pipeline cannot keep up, and the GPU waits for data.

    What it means:
    Reading, decoding and augmenting on the processor take longer than a step on the GPU. Too few loader processes do that, and so do more
    of them than there are processors, slow storage, and copies from pageable memory.

    How to confirm it by hand:
    `nvidia-smi dmon` shows SM use coming and going; the loop is as slow with an empty model.

    Ways out:
    As many `num_workers` as processors, `pin_memory=True`, `persistent_workers=True`; data on local disk; decoding on the GPU.

    Often mistaken for:
    A slow GPU.
    """
    said = next(iter(pointing_at(messages, "code.data-loading")), None)
    if said is None:
        return
    yield Finding(
        title=quoted(said, 100),
        severity="warning",
        evidence=(messages.says("messages", said.text),),
        fix=(Fix("Set num_workers to the processors that there are", "nproc"),),
        confidence=confidence_of(said),
    )
