"""compute.step-jitter"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.measured import on_gpu, place
from envdoctor.facts import DeviceWork, Work

FEWEST_STEPS = 10
TAIL = 2.0
"""p99 over p50: steps on one fixed batch do not differ by more than a few per cent on a quiet machine."""
CLOCK_RAMP = 0.8
"""Median clock under load over the highest: below it the card was still on its way up, or held down."""


@check("compute.step-jitter")
def step_jitter(work: Work) -> Iterator[Finding]:
    """Training steps stall now and then.

    What it means:
    The same step on the same batch takes much longer at times. Another process on the GPU or the processors, a CPU quota that is used up,
    clocks that go up and down, or copies to the host that make both sides wait are what does it.

    How to confirm it by hand:
    Time each step of the training loop with `torch.cuda.synchronize()` around it; watch `nvidia-smi dmon -s pucvmt`.

    Ways out:
    Take away what competes: other jobs, a quota, power saving. Keep `.item()`, `.cpu()` and printing out of the step.

    Often mistaken for:
    A slow data loader: the batch was on the device all the while.
    """
    for device in on_gpu(work):
        step = device.step
        if step is None or step.steps < FEWEST_STEPS or step.p50 <= 0 or step.p99 < TAIL * step.p50:
            continue
        yield Finding(
            title=f"{place(device)}: the slowest of {step.steps} steps takes {step.p99 * 1e3:.0f} ms; half take {step.p50 * 1e3:.0f} ms",
            severity="warning",
            detail=_why(device),
            evidence=(step.says("p99", f"{step.p99 * 1e3:.1f} ms"), step.says("p50", f"{step.p50 * 1e3:.1f} ms")),
            fix=(Fix("See what else runs meanwhile", "nvidia-smi dmon -s pucvmt"),),
            gpu=device.gpu,
            confidence="likely",
        )


def _why(device: DeviceWork) -> str:
    step, load = device.step, device.load
    if device.throttled_periods:
        return f"The cgroup's CPU quota stopped this process in {device.throttled_periods} periods meanwhile."
    if step is not None and step.on_processor is not None and step.on_processor < 0.7:
        return f"The training thread had its processor for {step.on_processor:.0%} of the time that it was issuing."
    if step is not None and step.watched is not None and step.watched.to_host:
        return f"Each step copies to the host {step.watched.to_host} times ({step.watched.first_to_host}), and waits."
    if load is not None and load.sm_mhz and load.sm_mhz_max and load.sm_mhz < CLOCK_RAMP * load.sm_mhz_max:
        return f"The clock was at {load.sm_mhz:.0f} of {load.sm_mhz_max:.0f} MHz meanwhile."
    return "Nothing that was sampled meanwhile says why."
