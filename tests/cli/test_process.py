from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = [sys.executable, "-m", "envdoctor"]
ENVIRON = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """An interpreter that never answers. What runs below it can be told by the folder in its command line."""
    path = tmp_path / "slow-python"
    path.write_text("#!/bin/sh\nsleep 60\n")
    path.chmod(0o755)
    return path


def at_work(path: Path) -> list[str]:
    """The command lines of the processes that mention `path`."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = each.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if f"{path} " in line and "envdoctor check" not in line:
            found.append(line)
    return found


def until(wanted: bool, path: Path) -> bool:
    """Wait up to five seconds for something (nothing, where not `wanted`) to be at work on `path`."""
    end = time.monotonic() + 5
    while bool(at_work(path)) != wanted and time.monotonic() < end:
        time.sleep(0.02)
    return bool(at_work(path)) == wanted


@pytest.fixture
def check(slow: Path) -> Iterator[subprocess.Popen[str]]:
    """``envdoctor check`` of an interpreter that never answers, already at work."""
    command = [*HERE, "check", "--json", "--python", str(slow)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRON)
    assert until(True, slow)
    time.sleep(0.5)  # until it waits for its probes
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_looking_not_the_report(
    number: signal.Signals, check: subprocess.Popen[str], slow: Path
) -> None:
    check.send_signal(number)
    out, err = check.communicate(timeout=10)
    document = json.loads(out)
    assert check.returncode in (1, 3)
    assert "Traceback" not in err
    probes = {probe["name"]: probe for probe in document["probes"]}
    assert probes["torch_runtime"]["status"] == "skipped"
    assert probes["torch_runtime"]["detail"].startswith("interrupted")
    assert "torch.import-fails" not in {finding["id"] for finding in document["findings"]}
    assert until(False, slow)


def test_ctrl_c_before_anything_is_known_leaves_no_child(slow: Path) -> None:
    process = subprocess.Popen(
        [*HERE, "check", "--python", str(slow)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRON
    )
    assert until(True, slow)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode in (1, 3, 130)
    assert "Traceback" not in err
    assert until(False, slow)


def test_wrong_usage_seen_late_leaves_no_child(slow: Path) -> None:
    command = [*HERE, "check", "--python", str(slow), "--only", "nothing.*"]
    result = subprocess.run(command, capture_output=True, text=True, env=ENVIRON, check=False, timeout=20)
    assert result.returncode == 2
    assert "nothing.*" in result.stderr
    assert until(False, slow)


@pytest.mark.parametrize("closed", ["<&- >&-", "<&- >&- 2>&-"])
def test_closed_descriptors_do_not_become_the_pipes_of_a_child(closed: str, tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    command = f"{' '.join(HERE)} check --quick --json --python {sys.executable} -o {out} {closed}"
    subprocess.run(["sh", "-c", command], env=ENVIRON, timeout=30, check=False)
    assert json.loads(out.read_text())["facts"]["interpreter"]["path"] == sys.executable


def test_a_working_directory_that_is_gone(tmp_path: Path) -> None:
    def from_nowhere(arguments: str) -> subprocess.CompletedProcess[str]:
        (tmp_path / "gone").mkdir()
        command = f"cd {tmp_path}/gone && rmdir ../gone && exec {sys.executable} -c "
        command += f"'from envdoctor.cli import main; main()' check --quick {arguments}"
        return subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=ENVIRON, check=False)

    gone = from_nowhere(f"--json --python {sys.executable}")
    assert "interpreter" in json.loads(gone.stdout)["facts"]
    assert gone.stderr == "The working directory is gone; going on from /.\n"
    for arguments in ("-o report.json", "--sysroot .", "--python ./python"):
        result = from_nowhere(arguments)
        assert result.returncode == 2
        assert "the working directory is gone" in result.stderr


def test_a_full_disk_is_said_with_the_verdict(tmp_path: Path) -> None:
    command = f"{' '.join(HERE)} check --sysroot {tmp_path} > /dev/full"
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=ENVIRON, check=False)
    assert result.returncode == 2
    assert "cannot write to stdout: No space left on device" in result.stderr
    assert "UNKNOWN: " in result.stderr


@pytest.mark.parametrize("arguments", ["--help", "check --help", "list", "schema"])
def test_a_reader_that_has_gone_is_no_failure(arguments: str) -> None:
    read, write = os.pipe()
    os.close(read)
    result = subprocess.run(
        [*HERE, *arguments.split()], stdout=write, stderr=subprocess.PIPE, text=True, env=ENVIRON, check=False
    )
    os.close(write)
    assert (result.returncode, result.stderr) == (0, "")
