from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Messages
from envdoctor.knowledge.messages import recognise
from envdoctor_checks.framework.fallback import fallback


def said(text: str) -> Messages:
    return Messages(messages=recognise(text))


def test_fires_on_the_frameworks_own_word() -> None:
    [finding] = judge(fallback, said("WARNING: No GPU/TPU found, falling back to CPU.")).findings
    assert finding.title == "WARNING: No GPU/TPU found, falling back to CPU."
    assert "jax[cuda12]" in (finding.fix[0].command or "")


def test_silent_where_nothing_of_the_kind_is_said() -> None:
    assert judge(fallback, said("jax.devices(): [CudaDevice(id=0)]")).findings == ()
    assert judge(fallback, Messages()).findings == ()
