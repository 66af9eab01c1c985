"""Children that do everything wrong: each comes to an end, in time, and tells where it stood."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from envdoctor.collect.child import KEEP, run_child, run_command
from envdoctor.collect.host import CannotLook, ChildResult

HEAD = """
import importlib.util, json, os, signal, subprocess, sys, time
spec = importlib.util.spec_from_file_location("channel", {channel!r})
channel = importlib.util.module_from_spec(spec)
spec.loader.exec_module(channel)
"""
CHANNEL = str(Path(__file__).resolve().parents[2] / "envdoctor" / "inside" / "channel.py")


def run(folder: Path, body: str, seconds: float = 5.0, **more: Any) -> ChildResult:
    """Run a child whose body is `body`."""
    script = folder / "child.py"
    script.write_text(HEAD.format(channel=CHANNEL) + body)
    given: dict[str, Any] = {"python": sys.executable, "environ": dict(os.environ), "isolated": False, **more}
    return run_child(str(script), (), seconds=seconds, **given)


def test_what_a_child_says_is_kept_in_order(tmp_path: Path) -> None:
    result = run(tmp_path, "channel.enter('a'); channel.leave('a', found=1); channel.say('b', more='é')")
    assert [(line["stage"], line["event"]) for line in result.stages] == [("a", "enter"), ("a", "leave"), ("b", "fact")]
    assert (result.outcome, result.exit_code, result.stage) == ("exited", 0, None)
    assert result.stages[2]["more"] == "é"


def test_one_that_hangs_is_ended_at_its_deadline_and_tells_where_it_stood(tmp_path: Path) -> None:
    begun = time.monotonic()
    result = run(tmp_path, "def stuck():\n    time.sleep(600)\nchannel.enter('init'); stuck()", seconds=0.6)
    assert time.monotonic() - begun < 3
    assert (result.outcome, result.stage) == ("timeout", "init")
    assert result.frame is not None
    assert result.frame.endswith("in stuck")


def test_one_that_will_not_end_by_sigterm_is_killed(tmp_path: Path) -> None:
    body = "signal.signal(signal.SIGTERM, signal.SIG_IGN); channel.enter('init'); time.sleep(600)"
    assert run(tmp_path, body, seconds=0.4).outcome == "timeout"


@pytest.mark.parametrize(
    ("body", "outcome", "name", "code"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "signalled", "SIGSEGV", None),
        ("os.abort()", "signalled", "SIGABRT", None),
        ("os.kill(os.getpid(), signal.SIGKILL)", "signalled", "SIGKILL", None),
        ("os._exit(0)", "exited", None, 0),
        ("sys.exit(3)", "exited", None, 3),
        ("raise SystemExit('no')", "exited", None, 1),
    ],
)
def test_how_it_died_is_told_with_its_stage(
    tmp_path: Path, body: str, outcome: str, name: str | None, code: int | None
) -> None:
    result = run(tmp_path, f"channel.enter('before'); channel.leave('before'); channel.enter('init'); {body}")
    assert (result.outcome, result.signal, result.exit_code, result.stage) == (outcome, name, code, "init")


def test_a_crash_tells_its_last_frame(tmp_path: Path) -> None:
    result = run(tmp_path, "import ctypes\ndef deep():\n    ctypes.string_at(0)\nchannel.enter('init'); deep()")
    assert result.signal == "SIGSEGV"
    assert result.frame is not None


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_megabytes_of_noise_are_read_and_mostly_thrown_away(tmp_path: Path, stream: str) -> None:
    body = f"channel.enter('a')\nfor _ in range(50): sys.{stream}.write('x' * (1 << 20))\nchannel.leave('a', found=1)"
    result = run(tmp_path, body)
    assert (result.outcome, result.stages[-1]["found"]) == ("exited", 1)
    assert len(getattr(result, stream)) <= 2 * KEEP


def test_lines_that_look_like_ours_are_not_believed(tmp_path: Path) -> None:
    body = """
fake = json.dumps({"stage": "a", "event": "leave", "found": "lie", "nonce": "0" * 32})
print(fake); print(fake, file=sys.stderr)
os.write(channel._fd, (fake + "\\n" + "[" * 100000 + "\\n{\\n\\xff\\n123\\n").encode("latin-1"))
channel.enter("a"); channel.leave("a", found="truth")
"""
    result = run(tmp_path, body)
    assert [line.get("found") for line in result.stages if line["event"] == "leave"] == ["truth"]


def test_a_flood_on_the_channel_itself_is_bounded(tmp_path: Path) -> None:
    body = "channel.enter('a')\nfor _ in range(40): os.write(channel._fd, b'y' * (1 << 20))\nos._exit(0)"
    result = run(tmp_path, body)
    assert (result.outcome, result.stage) == ("exited", "a")


def test_a_grandchild_that_holds_the_pipes_does_not_hold_us_up(tmp_path: Path) -> None:
    body = "subprocess.Popen(['sleep', '600']); channel.leave('a', found=1)"
    begun = time.monotonic()
    result = run(tmp_path, body)
    assert time.monotonic() - begun < 3
    assert (result.outcome, result.exit_code) == ("exited", 0)


def test_a_grandchild_of_the_group_does_not_outlive_it(tmp_path: Path) -> None:
    body = "p = subprocess.Popen(['sleep', '600']); channel.leave('a', pid=p.pid)"
    pid = run(tmp_path, body).stages[0]["pid"]
    until = time.monotonic() + 2
    while _alive(pid) and time.monotonic() < until:
        time.sleep(0.01)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_a_grandchild_that_left_the_group_is_not_waited_for(tmp_path: Path) -> None:
    body = "p = subprocess.Popen(['sleep', '600'], start_new_session=True); channel.leave('a', pid=p.pid)"
    begun = time.monotonic()
    result = run(tmp_path, body)
    assert time.monotonic() - begun < 3
    os.kill(result.stages[0]["pid"], 9)


def test_one_that_closes_its_own_channel_still_ends(tmp_path: Path) -> None:
    result = run(tmp_path, "channel.enter('a'); os.close(channel._fd); channel.leave('a')")
    assert (result.outcome, result.stage) == ("exited", "a")


def test_its_own_watchdog_counts_as_a_deadline(tmp_path: Path) -> None:
    body = """
import faulthandler
faulthandler.dump_traceback_later(0.2, exit=True, file=channel.trace_file())
channel.enter('kernel'); time.sleep(600)
"""
    result = run(tmp_path, body)
    assert (result.outcome, result.stage) == ("timeout", "kernel")


def test_each_stage_is_heard_as_it_begins(tmp_path: Path) -> None:
    heard: list[str] = []
    run(tmp_path, "channel.enter('a'); channel.leave('a'); channel.enter('b'); channel.leave('b')", heard=heard.append)
    assert heard == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("nothing", None, "absent"),
        ("no-right", "#!/bin/sh\n", "denied"),
        ("no-program", "just text\n", "failed"),
    ],
)
def test_an_interpreter_that_cannot_be_started_is_named(tmp_path: Path, name: str, text: str | None, kind: str) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
        path.chmod(0o755 if kind == "failed" else 0o644)
    with pytest.raises(CannotLook) as raised:
        run(tmp_path, "", python=str(path))
    assert raised.value.problem.kind == kind
    assert str(path) in raised.value.problem.detail


def test_a_folder_is_no_interpreter(tmp_path: Path) -> None:
    with pytest.raises(CannotLook):
        run(tmp_path, "", python=str(tmp_path))


def test_a_program_that_is_no_python_says_nothing_and_is_ended(tmp_path: Path) -> None:
    endless = tmp_path / "endless"
    endless.write_text("#!/bin/sh\nwhile :; do echo y; done\n")
    endless.chmod(0o755)
    result = run(tmp_path, "", python=str(endless), seconds=0.4)
    assert (result.outcome, result.stages) == ("timeout", ())
    assert len(result.stdout) <= KEEP


def test_a_command_runs_to_its_end() -> None:
    finished = run_command(["sh", "-c", "echo out; echo err >&2; exit 3"], 5.0, os.environ)
    assert (finished.exit_code, finished.stdout, finished.stderr) == (3, "out\n", "err\n")


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        (["no-such-program-here"], "absent"),
        (["sleep", "600"], "timeout"),
        (["sh", "-c", "kill -SEGV $$"], "crashed"),
    ],
)
def test_a_command_that_does_not_end_well_is_named(command: list[str], kind: str) -> None:
    with pytest.raises(CannotLook) as raised:
        run_command(command, 0.3, os.environ)
    assert raised.value.problem.kind == kind


def test_no_child_is_left_and_no_descriptor(tmp_path: Path) -> None:
    run(tmp_path, "pass")
    before = len(os.listdir("/proc/self/fd"))
    for body in ("pass", "os.abort()", "time.sleep(600)"):
        run(tmp_path, body, seconds=0.3)
    assert len(os.listdir("/proc/self/fd")) == before
