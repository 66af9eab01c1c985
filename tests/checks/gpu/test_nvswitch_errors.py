from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import KernelLog, SxidEvent
from envdoctor_checks.gpu.nvswitch_errors import nvswitch_errors


def log(*events: tuple[int, bool, float], until: float = 2000.0) -> KernelLog:
    return KernelLog(
        until=until,
        sxids=tuple(
            SxidEvent(code=code, fatal=fatal, switch="nvidia-nvswitch3", time=time, text=f"SXid {code}")
            for code, fatal, time in events
        ),
    )


def test_fires_on_a_fatal_one_and_names_the_switch() -> None:
    [finding] = judge(
        nvswitch_errors, log((20034, True, 1000.0), (20034, True, 1001.0), (12028, False, 1500.0))
    ).findings
    assert finding.title == "nvidia-nvswitch3: fatal SXid 20034, 2 times"
    assert finding.severity == "warning"


def test_what_was_handled_or_is_old_is_a_note() -> None:
    [handled] = judge(nvswitch_errors, log((12028, False, 1500.0))).findings
    assert (handled.title, handled.severity, handled.fix) == ("nvidia-nvswitch3: non-fatal SXid 12028", "info", ())
    [old] = judge(nvswitch_errors, log((20034, True, 1000.0), until=200_000.0)).findings
    assert old.severity == "info"


def test_silent_on_a_log_without() -> None:
    assert judge(nvswitch_errors, KernelLog()).findings == ()
