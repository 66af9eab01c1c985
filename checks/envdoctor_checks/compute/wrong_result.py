"""compute.wrong-result"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.measured import place, what
from envdoctor.facts import DeviceWork, Rate, Work


@check("compute.wrong-result", explains=("compute.slow",))
def wrong_result(work: Work) -> Iterator[Finding]:
    """A kernel gives wrong numbers.

    What it means:
    The kernel's result differs from a float64 reference by more than rounding in its data type can explain, or holds NaN, or memory did not
    read back as it was written. A card with bad memory or an unstable clock does that, and so do a library that does not fit the card and a
    miscompiled kernel.

    How to confirm it by hand:
    `python -c "import torch; a=torch.randn(4096,4096,device='cuda'); b=torch.randn_like(a);
    print((a.double()@b.double()-(a@b).double()).norm()/(a.double()@b.double()).norm())"` prints about 1e-6 on a healthy card.

    Ways out:
    Run it again with --thorough. Wrong on one GPU of several: stop using that card and test its memory (`dcgmi diag -r 3`). Wrong on all of
    them: reinstall torch with its own libraries. Take overclocking and undervolting away.

    Often mistaken for:
    A bug of the model: a loss that turns NaN.
    """
    for device in work.devices:
        wrong = [rate for rate in device.rates if rate.right is False]
        if wrong:
            yield _finding(device, wrong)
        step = device.step
        if step is not None and not step.finite and not wrong:
            yield Finding(
                title=f"The loss of a ResNet-50 step on {place(device)} is not finite after {step.steps} steps",
                evidence=(step.says("losses", "the loss becomes infinite or no number"),),
                fix=(Fix("See which operator makes it so", "envdoctor check --thorough -v"),),
                gpu=device.gpu,
                confidence="likely",
            )


def _finding(device: DeviceWork, wrong: list[Rate]) -> Finding:
    first = wrong[0]
    if first.bad:
        how = f"{first.bad} bytes of {first.value:.1f} GiB do not read back as written"
    elif first.error is None:
        how = f"{what(first)} gives numbers that are not finite"
    else:
        how = f"{what(first)} is off by {first.error:.2g} (relative); {first.tolerance:.2g} is rounding"
    more = f"; and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    return Finding(
        title=f"{place(device)}: {how}{more}",
        detail="Nothing that is computed on it can be trusted.",
        evidence=tuple(rate.says("error", f"{what(rate)}: {_off(rate)}") for rate in wrong[:5]),
        fix=(
            Fix("Test the card's memory and units", "dcgmi diag -r 3"),
            Fix("Reinstall torch with the libraries that it brings, if every GPU is wrong"),
        ),
        gpu=device.gpu,
    )


def _off(rate: Rate) -> str:
    if rate.bad:
        return f"{rate.bad} bytes are not as written"
    allowed = f" ({rate.tolerance:.2g} is allowed)" if rate.tolerance is not None else ""
    return f"off by {rate.error:.2g}{allowed}" if rate.error is not None else "not finite"
