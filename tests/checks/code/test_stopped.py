from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor_checks.code.stopped import is_stopped
from running import process, thread


def test_fires_on_a_stopped_process_and_says_how_it_goes_on() -> None:
    [finding] = judge(is_stopped, process(state="T")).findings
    assert finding.title == "process 4711 (python) is stopped (SIGSTOP or Ctrl-Z)"
    assert finding.fix[0].command == "kill -CONT 4711"


def test_fires_on_one_that_a_debugger_holds() -> None:
    [finding] = judge(is_stopped, process(state="t")).findings
    assert finding.title == "process 4711 (python) is held by a debugger"


def test_fires_on_one_whose_container_is_paused() -> None:
    frozen = process(thread(wait_channel="do_freezer_trap"))
    [finding] = judge(is_stopped, frozen).findings
    assert finding.title == "process 4711 (python) is frozen with its cgroup (docker pause)"


def test_silent_on_one_that_sleeps_or_has_ended() -> None:
    assert judge(is_stopped, process(state="S")).findings == ()
    assert judge(is_stopped, process(state="T", ended=True)).findings == ()
