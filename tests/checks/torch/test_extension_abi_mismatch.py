from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Distribution, Message, Messages, Packages
from envdoctor_checks.torch.extension_abi_mismatch import extension_abi_mismatch
from healthy import PYTHON, TORCH


def flash(torch: str | None, cuda: str | None = None) -> Packages:
    dist = Distribution(name="flash-attn", version="2.7.0", location="/x", built_for_torch=torch, built_for_cuda=cuda)
    return Packages(distributions=(dist,))


SAID = Messages(
    messages=(Message(key="symbol-c10", text="flash_attn_2_cuda.so: undefined symbol: _ZN3c104cuda9SetDeviceEi"),)
)


def test_fires_on_another_torch() -> None:
    [finding] = judge(extension_abi_mismatch, flash("2.4"), TORCH, PYTHON).findings
    assert finding.title == "flash-attn 2.7.0 was built for torch 2.4; torch is 2.5.1+cu124"
    assert "--no-build-isolation" in (finding.fix[0].command or "")


def test_fires_on_another_cuda_major() -> None:
    [finding] = judge(extension_abi_mismatch, flash("2.5", "11.8"), TORCH).findings
    assert finding.title == "flash-attn 2.7.0 was built for CUDA 11.8; torch is 2.5.1+cu124"


def test_is_an_error_where_it_was_seen_to_fail() -> None:
    [finding] = judge(extension_abi_mismatch, flash("2.4"), TORCH, SAID).findings
    assert finding.severity == "error"


def test_fires_on_the_message_alone() -> None:
    [finding] = judge(extension_abi_mismatch, SAID).findings
    assert finding.title.startswith("flash_attn_2_cuda.so: undefined symbol")


def test_silent_where_it_fits_or_does_not_say() -> None:
    assert judge(extension_abi_mismatch, flash("2.5", "12"), TORCH).findings == ()
    assert judge(extension_abi_mismatch, flash("2.5.1", "12.4"), TORCH).findings == ()
    assert judge(extension_abi_mismatch, flash(None), TORCH).findings == ()
    assert judge(extension_abi_mismatch, flash("2.4")).findings == ()
