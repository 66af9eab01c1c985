"""gpu.too-hot"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.facts import Nvml, NvmlGpu

NO_LIMIT = 40
"""°C: a limit below this is none (0 where a card does not tell it)."""


@check("gpu.too-hot", fields=("nvml.gpus",), explains=("compute.slow", "compute.step-jitter"))
def too_hot(nvml: Nvml) -> Iterator[Finding]:
    """The GPU, or its memory, is as hot as the temperature at which the card slows itself down.

    What it means:
    A card has a temperature at which it begins to halve its clocks, and a higher one at which it switches itself off; its memory has a limit
    of its own, which is often reached first. Newer cards tell the distance to the limit (T.Limit) in place of the limit. At the limit the
    card is slow, and a few degrees more end the job.

    How to confirm it by hand:
    `nvidia-smi -q -d TEMPERATURE`: GPU Current Temp against GPU Slowdown Temp, Memory Current Temp against Memory Max Operating Temp, or GPU
    T.Limit Temp against GPU Slowdown T.Limit Temp.

    Ways out:
    Airflow first: fans that stand still, filters and dust, a card of passive cooling without a chassis fan, blanking panels missing, hot air
    that comes back to the inlet. For memory: the pads and the load. Until then lower the power limit (`sudo nvidia-smi -i N -pl WATTS`).

    Often mistaken for:
    A slow model of card. A card at 80 to 85 °C under load is not too hot.
    """
    for gpu in nvml.gpus:
        what = _what(gpu)
        if what is not None:
            field, title = what
            yield Finding(
                title=f"GPU {gpu.index}: {title}",
                severity="warning",
                detail="It slows itself down, and switches itself off if it gets hotter.",
                evidence=(
                    gpu.says(field),
                    *((gpu.says("power_draw_watts"),) if gpu.power_draw_watts is not None else ()),
                ),
                fix=(
                    Fix(
                        "Mend its cooling: fans, filters, airflow through the chassis",
                        f"nvidia-smi -q -d TEMPERATURE -i {gpu.index}",
                    ),
                ),
                gpu=gpu.index,
            )


def _what(gpu: NvmlGpu) -> tuple[str, str] | None:
    now, limit = gpu.temperature_celsius, gpu.temperature_slowdown_celsius
    margin, slowdown = gpu.temperature_margin_celsius, gpu.temperature_margin_slowdown_celsius
    memory, highest = gpu.memory_temperature_celsius, gpu.memory_temperature_max_celsius
    if now is not None and limit is not None and now >= limit > NO_LIMIT:
        return "temperature_celsius", f"{now} °C; at {limit} °C the card slows itself down"
    if margin is not None and slowdown is not None and margin <= slowdown < 0:
        return (
            "temperature_margin_celsius",
            f"{margin} °C to its thermal limit; at {slowdown} °C the card slows itself down",
        )
    if memory is not None and highest is not None and memory >= highest > NO_LIMIT:
        return "memory_temperature_celsius", f"its memory has {memory} °C; {highest} °C is the most it may have"
    return None
