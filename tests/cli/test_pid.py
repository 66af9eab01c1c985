"""``envdoctor check --pid`` on real processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from envdoctor.cli import group
from envdoctor.report.json import schema

HERE = [sys.executable, "-m", "envdoctor", "check"]
ENVIRON = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
TRAINS = """
import sys, torch
torch.set_num_threads(1)
model = torch.nn.Linear(64, 64)
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
print("ready", flush=True)
while True:
    optimizer.zero_grad()
    model(torch.randn(32, 64)).pow(2).mean().backward()
    optimizer.step()
"""


def check(pid: int | str, *options: str) -> tuple[dict[str, Any], int]:
    """``envdoctor check --json --pid``, a second of watching: the report, and the exit code."""
    command = [*HERE, "--json", "--timeout", "10", "--pid", str(pid), *options]
    result = subprocess.run(command, capture_output=True, text=True, env=ENVIRON, timeout=60, check=False)
    assert "Traceback" not in result.stderr
    report = json.loads(result.stdout)
    jsonschema.Draft202012Validator(schema()).validate(report)
    assert not [check for check in report["checks"] if check["status"] == "crashed"]
    return report, result.returncode


def started(*command: str, **more: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, **more)


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def training(torch_python: str) -> Iterator[subprocess.Popen[bytes]]:
    """torch training a small model on the processor."""
    process = started(torch_python, "-c", TRAINS, env={**os.environ, "OMP_NUM_THREADS": "1", "SECRET_TOKEN": "hunter2"})
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    yield process
    end(process)


@pytest.fixture
def idles() -> Iterator[subprocess.Popen[bytes]]:
    """A Python without torch that does nothing."""
    process = started(sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(60)")
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    end(process)


def test_a_training_on_the_processor_with_a_torch_for_it(training: subprocess.Popen[bytes]) -> None:
    report, code = check(training.pid)
    facts, found = report["facts"], {finding["id"] for finding in report["findings"]}
    assert "torch.cpu-only-build" in found
    assert code == 1
    assert (report["source"]["pid"], report["source"]["python"]) == (training.pid, sys.executable)
    assert facts["interpreter"]["chosen_by"] == f"argv[0] of process {training.pid}"
    assert facts["process"]["cpu"] > 0.05
    assert facts["process"]["threads"][0]["tid"] == training.pid
    assert facts["process_libraries"]["torch_cuda"] == ""
    assert facts["torch_install"]["version"] == facts["process_libraries"]["torch_version"]
    assert facts["environment"]["variables"]["OMP_NUM_THREADS"] == "1"
    assert "hunter2" not in json.dumps(report)
    assert "work" not in facts
    assert "torch_runtime" not in facts


def test_with_expect_cpu_that_is_as_it_should_be(training: subprocess.Popen[bytes]) -> None:
    report, code = check(training.pid, "--expect", "cpu")
    assert (report["verdict"]["status"], code) == ("ok", 0)


def test_one_that_was_stopped_and_goes_on(training: subprocess.Popen[bytes]) -> None:
    training.send_signal(signal.SIGSTOP)
    try:
        report, _ = check(training.pid)
        status = Path(f"/proc/{training.pid}/status").read_text()
    finally:
        training.send_signal(signal.SIGCONT)
    titles = {finding["id"]: finding["title"] for finding in report["findings"]}
    assert titles["code.stopped"].endswith("is stopped (SIGSTOP or Ctrl-Z)")
    assert "State:\tT (stopped)" in status  # looking has not let it go on


def test_what_is_no_torch_process_is_no_failure(idles: subprocess.Popen[bytes]) -> None:
    report, code = check(idles.pid)
    assert (report["verdict"]["status"], report["verdict"]["cause"], code) == ("unknown", None, 3)
    assert report["verdict"]["summary"].endswith("is no torch process: none is loaded in it")
    assert not [finding for finding in report["findings"] if finding["severity"] != "info"]


def test_a_program_that_is_no_python() -> None:
    process = started("sleep", "60")
    try:
        report, code = check(process.pid)
    finally:
        end(process)
    assert report["verdict"]["summary"] == f"process {process.pid} (sleep) is no torch process: none is loaded in it"
    assert (report["source"]["python"], code) == (None, 3)


def test_a_zombie() -> None:
    process = started("true")
    time.sleep(0.2)
    report, code = check(process.pid)
    process.communicate()
    assert f"process {process.pid} (true) has ended (a zombie)" in report["verdict"]["summary"]
    assert code == 3


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_one_with_files_of_its_own_is_sent_into_its_container() -> None:
    process = started("unshare", "-m", sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(60)")
    assert process.stdout is not None
    try:
        if process.stdout.readline() != b"ready\n":
            pytest.skip("no right to make a mount namespace")
        report, code = check(process.pid)
    finally:
        end(process)
    details = {probe["name"]: probe["detail"] for probe in report["probes"] if probe["status"] == "failed"}
    assert details["python_install"].endswith(f"run envdoctor check --pid {process.pid} in there")
    assert (report["facts"]["process"]["container"], code) == (True, 3)


def test_watching_says_a_line_each_time_and_ends_with_a_report(training: subprocess.Popen[bytes]) -> None:
    command = [*HERE, "--json", "--pid", str(training.pid), "--watch", "0.3"]
    watching = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRON)
    assert watching.stderr is not None
    lines = [watching.stderr.readline() for _ in range(3)]
    watching.send_signal(signal.SIGINT)
    document, rest = watching.communicate(timeout=30)
    assert all("torch.cpu-only-build" in line and "[cpu 0." in line for line in lines), lines
    assert "Traceback" not in rest
    report = json.loads(document)
    assert (report["source"]["pid"], watching.returncode) == (training.pid, 1)
    assert {"process", "process_libraries", "torch_install"} <= set(report["facts"])


def test_watching_ends_with_the_process() -> None:
    process = started("sleep", "60")
    command = [*HERE, "--pid", str(process.pid), "--watch", "0.3"]
    watching = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRON)
    assert watching.stdout is not None
    first = watching.stdout.readline()
    end(process)
    rest, _ = watching.communicate(timeout=30)
    assert f"UNKNOWN: process {process.pid} (sleep) is no torch process" in first
    # Whether a look or a pause was under way when it ended, or nobody had collected it yet, is chance.
    ends = r"\(sleep\) ended while it was looked at\n|has ended\n|\(sleep\) has ended \(a zombie\)"
    assert re.search(rf"\nUNKNOWN: process {process.pid} (?:{ends})", rest), rest
    assert watching.returncode == 3


def free_pid() -> int:
    process = started("true")
    process.communicate()
    return process.pid


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--pid", "0"), "0 is not in the range"),
        (("--pid", "init"), "'init' is not a valid integer"),
        (("--pid", str(free_pid())), "there is no process"),
        (("--pid", str(os.getpid())), "is envdoctor itself"),
        (("--pid", "1", "--sysroot", "/"), "--sysroot does not go with --pid: a process runs on this machine"),
        (("--pid", "1", "--python", "python3"), "--python does not go with --pid"),
        (("--pid", "1", "--device", "cuda"), "--device does not go with --pid: no work is done"),
        (("--pid", "1", "--thorough"), "--thorough does not go with --pid"),
        (("--pid", "1", "--budget", "5"), "--budget does not go with --pid"),
        (("--watch", "5"), "--watch goes with --pid"),
        (("--pid", "1", "--watch", "0"), "'0' is not a number of seconds"),
    ],
)
def test_what_is_no_process_and_what_contradicts_it_exits_with_2(options: tuple[str, ...], named: str) -> None:
    result = CliRunner().invoke(group, ("check", *options))
    assert (result.exit_code, named in " ".join(result.output.split())) == (2, True), result.output


def test_a_thread_is_no_process() -> None:
    found: list[int] = []
    done = threading.Event()

    def body() -> None:
        found.append(threading.get_native_id())
        done.wait(5)

    thread = threading.Thread(target=body)
    thread.start()
    while not found:
        time.sleep(0.01)
    result = CliRunner().invoke(group, ("check", "--pid", str(found[0])))
    done.set()
    thread.join()
    assert f"{found[0]} is a thread of process {os.getpid()}" in " ".join(result.output.split())
    assert result.exit_code == 2
