"""compute.tf32-off"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.measured import not_comparable, on_gpu, place
from envdoctor.facts import Evidence, Work

WORTH_IT = 2.0


@check("compute.tf32-off", fields=("work.devices",))
def tf32_off(work: Work) -> Iterator[Finding]:
    """float32 products do not use the tensor cores: TF32 is off, as it is by default.

    What it means:
    From compute capability 8.0 on, tensor cores take float32 numbers rounded to 10 bits of mantissa (TF32), several times faster. torch leaves
    that off for products since 1.12, so a program that trains in float32 uses a fraction of the card.

    How to confirm it by hand:
    `python -c "import torch; print(torch.get_float32_matmul_precision())"` prints `highest`.

    Ways out:
    `torch.set_float32_matmul_precision("high")`, where ten bits are enough; or train in bf16 with autocast.

    Often mistaken for:
    A card that is slower than its data sheet.
    """
    for device in on_gpu(work):
        plain, fast = device.rate("matmul", "fp32"), device.rate("matmul", "tf32")
        if device.tf32 is not False or plain is None or fast is None or not_comparable(device) is not None:
            continue
        if fast.value < WORTH_IT * plain.value:
            continue
        yield Finding(
            title=f"{place(device)}: float32 matmul {plain.value:.3g} TFLOP/s with TF32 off; {fast.value:.3g} with it",
            severity="info",
            evidence=(
                Evidence("torch.get_float32_matmul_precision()", "highest"),
                plain.says("value", f"fp32 matmul: {plain.value:.3g} {plain.unit}"),
                fast.says("value", f"tf32 matmul: {fast.value:.3g} {fast.unit}"),
            ),
            fix=(
                Fix(
                    "Allow it in the program, where ten bits of mantissa are enough: torch.set_float32_matmul_precision('high'); or for all programs",
                    "export TORCH_ALLOW_TF32_CUBLAS_OVERRIDE=1",
                ),
            ),
            gpu=device.gpu,
        )
        return  # the same on every GPU of the machine
