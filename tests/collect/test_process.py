from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from envdoctor.collect.host import CannotLook, LiveHost
from envdoctor.collect.proc import parse_stat, read_stat
from envdoctor.collect.process import Watch, process
from envdoctor.collect.process_host import NoProcess, host_of
from envdoctor.collect.process_nodes import process_nodes
from envdoctor.collect.process_python import interpreter_of, is_python
from envdoctor.collect.process_stack import process_stack
from envdoctor.collect.request import Request
from envdoctor.diagnose.running_verdict import nothing_to_judge
from envdoctor.examine import look
from envdoctor.facts import Process

STAT = "4711 (a) R (b) S 1 4711 4711 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 3 0 1234 0 0"
TALKS = "import sys, time; print('ready', flush=True); time.sleep(60)"


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A Python that sleeps, with one of the GPU's nodes open (a file that is called so, where that can be had)."""
    with subprocess.Popen([sys.executable, "-c", TALKS], stdout=subprocess.PIPE, env={"MARK": "1"}) as found:
        assert found.stdout is not None
        found.stdout.readline()
        yield found
        found.kill()


def end(found: subprocess.Popen[bytes]) -> None:
    found.kill()
    found.wait()


def watching(pid: int, seconds: float = 0.3) -> LiveHost:
    return host_of(Request(pid=pid, watch_seconds=seconds))


def test_a_name_may_hold_anything() -> None:
    stat = parse_stat(STAT)
    assert (stat.name, stat.state, stat.parent, stat.ticks, stat.started) == ("a) R (b", "S", 1, 300, 1234)
    assert not stat.kernel
    with pytest.raises(ValueError, match="no process"):
        parse_stat("4711")


def test_a_process_is_watched(sleeper: subprocess.Popen[bytes]) -> None:
    seen = process(watching(sleeper.pid))
    assert (seen.pid, seen.state, seen.uid, seen.foreign, seen.container) == (
        sleeper.pid,
        "S",
        os.geteuid(),
        False,
        False,
    )
    assert seen.parent is not None
    assert seen.parent.pid == os.getpid()
    assert seen.cpu is not None
    assert seen.cpu < 0.2
    assert [thread.tid for thread in seen.threads] == [sleeper.pid]
    assert seen.threads[0].state == "S"
    assert not seen.ended


def test_a_thread_that_never_rests_is_seen_however_busy_the_machine() -> None:
    spins = "import threading; threading.Thread(target=lambda: [None for _ in iter(int, 1)], daemon=True).start()"
    spins += "; import time; print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", spins], stdout=subprocess.PIPE) as found:
        assert found.stdout is not None
        found.stdout.readline()
        seen = process(watching(found.pid, 0.6))
        found.kill()
    main, busiest = seen.threads[:2]
    assert main.tid == found.pid
    assert busiest.wanted is not None
    assert busiest.wanted > 0.7


def test_one_that_ends_meanwhile_says_so(sleeper: subprocess.Popen[bytes]) -> None:
    host = watching(sleeper.pid)
    first = read_stat(host, f"/proc/{sleeper.pid}")
    assert first is not None
    watch = Watch(host, sleeper.pid, first)
    sleeper.kill()
    watch.run(5.0)
    assert watch.last is None


def test_one_that_ends_before_every_collector_has_looked(sleeper: subprocess.Popen[bytes]) -> None:
    timer = threading.Timer(0.2, end, (sleeper,))
    timer.start()
    snapshot = look(watching(sleeper.pid, 2.0))
    timer.join()
    why = nothing_to_judge(snapshot)
    assert why is not None
    assert "ended" in why


def test_its_children_are_told() -> None:
    forks = "import os, time; pid = os.fork(); print(flush=True) if pid else None; time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", forks], stdout=subprocess.PIPE) as found:
        assert found.stdout is not None
        found.stdout.readline()
        seen = process(watching(found.pid, 0.1))
        for child in seen.children:
            os.kill(child.pid, 9)
        found.kill()
    [child] = seen.children
    assert (child.torch, child.gpu_nodes, child.command) == (False, 0, seen.command)


def test_the_environment_is_the_processs(sleeper: subprocess.Popen[bytes]) -> None:
    host = watching(sleeper.pid)
    assert host.environ["MARK"] == "1"
    assert "PATH" not in host.environ
    assert host.tools_environ is not None
    assert host.tools_environ["PATH"] == f"{os.environ['PATH']}:{os.path.dirname(sys.executable)}"
    assert host.run_as is None


def test_the_interpreter_is_the_environments_not_the_program_it_links_to(sleeper: subprocess.Popen[bytes]) -> None:
    path, why = interpreter_of(watching(sleeper.pid), sleeper.pid)
    assert (path, why) == (sys.executable, f"argv[0] of process {sleeper.pid}")


def test_a_process_with_another_name_for_itself_is_told_by_its_active_environment(tmp_path: Path) -> None:
    prefix = os.path.dirname(os.path.dirname(sys.executable))
    command = ["VLLM::EngineCore", "-c", TALKS]
    with subprocess.Popen(
        command, executable=sys.executable, stdout=subprocess.PIPE, env={"VIRTUAL_ENV": prefix}
    ) as found:
        assert found.stdout is not None
        found.stdout.readline()
        path, why = interpreter_of(watching(found.pid), found.pid)
        found.kill()
    assert os.path.realpath(path) == os.path.realpath(sys.executable)
    assert path == f"{prefix}/bin/python"
    assert why.startswith("VIRTUAL_ENV of process")


@pytest.mark.parametrize("name", ["python3.12", "python", "python3.13t", "/opt/x/bin/python3.11 (deleted)", "pypy3.10"])
def test_interpreters_are_known_by_their_names(name: str) -> None:
    assert is_python(name)


@pytest.mark.parametrize("name", ["/usr/bin/bash", "python-launcher", "pythonista"])
def test_other_programs_are_not(name: str) -> None:
    assert not is_python(name)


def test_nodes_are_counted(sleeper: subprocess.Popen[bytes]) -> None:
    assert process_nodes(watching(sleeper.pid)).open == {}


def test_a_number_that_is_free_is_no_process(sleeper: subprocess.Popen[bytes]) -> None:
    sleeper.kill()
    sleeper.wait()
    with pytest.raises(NoProcess, match="there is no process"):
        watching(sleeper.pid)


def py_spy(folder: Path, body: str) -> str:
    program = folder / "py-spy"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


DUMP = """cat <<END
[{"pid": 1, "thread_id": 2, "thread_name": "MainThread", "os_thread_id": 1, "active": true, "frames":
 [{"name": "fetch", "filename": "/v/lib/python3.11/site-packages/torch/utils/data/_utils/fetch.py", "line": 52},
  {"name": "main", "filename": "/home/ada/app/train.py", "line": 9}]}]
END
echo "$@" >&2"""


def test_py_spy_tells_where_python_stands(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    host = dataclasses.replace(watching(sleeper.pid), tools_environ={"PATH": py_spy(tmp_path, DUMP)})
    stack = process_stack(host)
    assert stack.main is not None
    assert stack.main.frames == ("fetch (torch/utils/data/_utils/fetch.py:52)", "main (app/train.py:9)")


def test_py_spy_is_told_not_to_stop_the_process(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    path = py_spy(tmp_path, f'echo "$@" > {tmp_path}/said; exit 1')
    with pytest.raises(CannotLook):
        process_stack(dataclasses.replace(watching(sleeper.pid), tools_environ={"PATH": path}))
    assert "--nonblocking" in (tmp_path / "said").read_text()


def test_py_spy_without_the_right_is_denied_and_one_that_is_absent_absent(
    sleeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    denied = py_spy(
        tmp_path, "echo 'Error: Permission Denied: Try running again with elevated permissions' >&2; exit 1"
    )
    for path, kind in ((denied, "denied"), ("/nowhere", "absent")):
        with pytest.raises(CannotLook) as caught:
            process_stack(dataclasses.replace(watching(sleeper.pid), tools_environ={"PATH": path}))
        assert caught.value.problem.kind == kind


def test_nothing_of_a_process_is_collected_without_pid() -> None:
    snapshot = look(LiveHost(request=Request(quick=True)))
    assert snapshot.get(Process) is None
    assert "process" not in snapshot.problems
    assert not [probe for probe in snapshot.probes if probe.name.startswith("process_")]


def test_an_envdoctor_that_the_process_started_is_not_its_work() -> None:
    """A notebook that runs ``!envdoctor check --pid`` of itself."""
    host = watching(os.getppid(), 0.0)
    first = read_stat(host, f"/proc/{os.getppid()}")
    assert first is not None
    assert os.getpid() not in Watch(host, os.getppid(), first).relatives


def test_what_a_command_line_keeps_secret_is_not_told() -> None:
    command = [sys.executable, "-c", TALKS, "--hf-token=hf_abc", "--password", "hunter2", "--epochs", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as found:
        assert found.stdout is not None
        found.stdout.readline()
        seen = process(watching(found.pid, 0.0))
        found.kill()
    assert seen.command is not None
    assert seen.command.endswith("--hf-token=[removed] --password [removed] --epochs 3")


def test_the_rights_of_another_users_process_are_taken_with_its_environment() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with subprocess.Popen(["sleep", "60"], user=65534, group=65533, extra_groups=[12, 13]) as found:
        run_as = watching(found.pid).run_as
        found.kill()
    assert run_as is not None
    assert (run_as.uid, run_as.gid, run_as.groups) == (65534, 65533, (12, 13))
