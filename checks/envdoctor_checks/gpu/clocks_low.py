"""gpu.clocks-low"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.cards import in_a_laptop
from envdoctor.facts import Nvml, NvmlGpu, System

NOTABLE = 0.95
"""Of the default: a few watts or one step of the clock are nobody's loss."""


@check("gpu.clocks-low", fields=("nvml.gpus",), explains=("compute.slow",))
def clocks_low(nvml: Nvml, system: System | None) -> Iterator[Finding]:
    """Somebody set the GPU's power limit or its application clocks below the default.

    What it means:
    An administrator, a tuning tool or a previous job limited the card (`nvidia-smi -pl`, `-ac`, `-lgc`), and the setting outlives it.
    The card works, and slower than its model does.

    How to confirm it by hand:
    `nvidia-smi -q -d POWER,CLOCK`: Current against Default Power Limit; Applications Clocks against Default Applications Clocks.

    Ways out:
    Set it back: `sudo nvidia-smi -i N -pl DEFAULT`, `sudo nvidia-smi -i N -rac`, `sudo nvidia-smi -i N -rgc`. Ask first: it can be meant, to save power.

    Often mistaken for:
    Throttling by heat, which the card does by itself. In a laptop the firmware moves the power limit with battery and profile: not told here.
    """
    for gpu in nvml.gpus:
        if _below(gpu.power_limit_watts, gpu.power_limit_default_watts) and not in_a_laptop(gpu, system):
            yield _finding(
                gpu,
                f"power limit {gpu.power_limit_watts:.0f} W; its default is {gpu.power_limit_default_watts:.0f} W",
                "power_limit_watts",
                f"sudo nvidia-smi -i {gpu.index} -pl {gpu.power_limit_default_watts:.0f}",
            )
        if _below(gpu.application_clock_mhz, gpu.application_clock_default_mhz):
            yield _finding(
                gpu,
                f"application clock {gpu.application_clock_mhz} MHz; its default is {gpu.application_clock_default_mhz} MHz",
                "application_clock_mhz",
                f"sudo nvidia-smi -i {gpu.index} -rac",
            )


def _below(value: float | None, default: float | None) -> bool:
    return value is not None and default is not None and 0 < value < NOTABLE * default


def _finding(gpu: NvmlGpu, what: str, field: str, command: str) -> Finding:
    return Finding(
        title=f"GPU {gpu.index}: {what}",
        severity="warning",
        detail="The card is slower than its model by somebody's choice.",
        evidence=(gpu.says(field),),
        fix=(Fix("Set it back to the default, unless it is meant", command),),
        gpu=gpu.index,
    )
