"""compute.attention-math-path"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.measured import on_gpu, place
from envdoctor.facts import Work


@check("compute.attention-math-path")
def attention_math_path(work: Work) -> Iterator[Finding]:
    """Scaled-dot-product attention takes its plain path, which is slow and holds the whole score matrix.

    What it means:
    torch has fused attention kernels (flash, memory-efficient, cuDNN) and falls back to plain products where none fits the card, the data type
    or the shapes, or where they are switched off. The plain path is right, several times slower, and its memory grows with the square of the length.

    How to confirm it by hand:
    `with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.FLASH_ATTENTION): ...` says why it cannot be taken.

    Ways out:
    Take half precision on a card of compute capability 8.0 or higher; look for `enable_flash_sdp(False)` and TORCH_* variables.

    Often mistaken for:
    A slow GPU, or too little memory for the sequence length.
    """
    for device in on_gpu(work):
        rate = device.rate("attention")
        if rate is not None and rate.backend == "math":
            yield Finding(
                title=f"{place(device)}: {rate.dtype} attention takes the math path, {rate.value:.3g} {rate.unit}",
                severity="info",
                evidence=(rate.says("backend"),),
                fix=(
                    Fix(
                        "Look for what switches the fused kernels off: enable_flash_sdp(False), enable_mem_efficient_sdp(False)"
                    ),
                ),
                gpu=device.gpu,
            )
