from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Distribution, Message, Messages, Packages
from envdoctor_checks.torch.companion_mismatch import companion_mismatch
from healthy import PYTHON, TORCH, TORCH_CPU


def vision(version: str, cuda: str | None = None) -> Packages:
    return Packages(
        distributions=(Distribution(name="torchvision", version=version, location="/x", built_for_cuda=cuda),)
    )


SAID = Messages(
    messages=(Message(key="torchvision-nms-missing", text="RuntimeError: operator torchvision::nms does not exist"),)
)


def test_fires_on_the_companion_of_another_torch() -> None:
    [finding] = judge(companion_mismatch, vision("0.19.0"), TORCH, PYTHON).findings
    assert finding.title == "torchvision 0.19.0 is made for torch 2.4.0; torch is 2.5.1+cu124"
    assert "pip install torchvision==0.20" in (finding.fix[0].command or "")
    assert finding.severity == "warning"


def test_fires_on_one_without_cuda() -> None:
    [finding] = judge(companion_mismatch, vision("0.20.1+cpu", "cpu"), TORCH, PYTHON).findings
    assert finding.title == "torchvision 0.20.1+cpu was built without CUDA; torch is 2.5.1+cu124"
    assert "--force-reinstall --no-deps torchvision==0.20.1" in (finding.fix[0].command or "")


def test_fires_on_another_cuda() -> None:
    [finding] = judge(companion_mismatch, vision("0.20.1+cu121", "12.1"), TORCH).findings
    assert finding.title == "torchvision 0.20.1+cu121 was built for CUDA 12.1; torch is 2.5.1+cu124"


def test_is_an_error_where_it_was_seen_to_fail() -> None:
    [finding] = judge(companion_mismatch, vision("0.19.0"), TORCH, SAID).findings
    assert finding.severity == "error"


def test_fires_on_the_message_alone() -> None:
    [finding] = judge(companion_mismatch, SAID).findings
    assert finding.title == "RuntimeError: operator torchvision::nms does not exist"


def test_silent_where_they_fit_or_nobody_knows() -> None:
    assert judge(companion_mismatch, vision("0.20.1", "12.4"), TORCH).findings == ()
    assert judge(companion_mismatch, vision("0.28.0+cpu", "cpu"), TORCH_CPU).findings == ()
    assert judge(companion_mismatch, vision("0.99.0.dev20300101"), TORCH).findings == ()
    assert judge(companion_mismatch, Packages(), TORCH).findings == ()
