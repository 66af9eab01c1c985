"""What envdoctor costs, as ratios to what its users run today: ``make bench``, or ``python tests/bench.py [--rounds N]``.

Every pair runs in one interpreter and environment, turn about, so that a slow or busy machine slows both; a ratio is the
median over the rounds of the ratio within a round. Seconds are printed for orientation, budgets are on ratios only.
Timings are no tests: a busy machine would fail them, so nothing here runs in ``make test``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ENVDOCTOR = (str(Path(sys.executable).with_name("envdoctor")),)
PYTHON = sys.executable


@dataclass(frozen=True)
class Pair:
    """A command of ours against one that a user runs today."""

    name: str
    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    budget: float
    """The highest ratio that is fine."""


PAIRS = (
    Pair("check / import torch", (*ENVDOCTOR, "check"), (PYTHON, "-c", "import torch"), 1.15),
    Pair(
        "check --quick / collect_env", (*ENVDOCTOR, "check", "--quick"), (PYTHON, "-m", "torch.utils.collect_env"), 0.2
    ),
    Pair("--help / import click", (*ENVDOCTOR, "--help"), (PYTHON, "-c", "import click"), 1.6),
)
MEMORY_BUDGET_MIB = 60.0


def seconds_of(command: Sequence[str]) -> float:
    """Wall time of one run, s. Both sides run outside any checkout, with no terminal."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        return time.perf_counter() - began


def peak_memory_of(command: Sequence[str]) -> float:
    """The high-water mark of the resident memory of the process itself, MiB: its children, which import torch, are not it.

    Read from VmHWM while it runs, since the figure of wait4(2) takes in the children.
    """
    process = subprocess.Popen(
        command, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    peak = 0
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            break
        peak = max([peak, *(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))])
        time.sleep(0.002)
    process.wait()
    return peak / 1024


def report(name: str, value: float, budget: float, unit: str, detail: str) -> bool:
    """One line of the table; whether it is within its budget."""
    fine = value <= budget
    print(f"{name:32} {value:6.2f} {unit:3} budget {budget:5.2f}  {'ok  ' if fine else 'OVER'}  {detail}")
    return fine


def main() -> int:
    """Runs all pairs; exit code 1 if one is over its budget."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, help="runs of each command (15)")
    rounds = max(1, parser.parse_args().rounds)
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, {rounds} rounds, Python {sys.version.split()[0]}")
    fine = True
    for pair in PAIRS:
        seconds_of(pair.ours), seconds_of(pair.theirs)  # the first runs read the disk
        timed = [(seconds_of(pair.ours), seconds_of(pair.theirs)) for _ in range(rounds)]
        ratios = [ours / theirs for ours, theirs in timed]
        ours, theirs = (statistics.median(column) for column in zip(*timed, strict=True))
        detail = f"{min(ratios):.2f}–{max(ratios):.2f}; medians {ours:.3f} s against {theirs:.3f} s"
        fine &= report(pair.name, statistics.median(ratios), pair.budget, "×", detail)
    for command in ("check", "check --quick"):
        peak = max(peak_memory_of((*ENVDOCTOR, *command.split())) for _ in range(3))
        fine &= report(f"own memory of {command}", peak, MEMORY_BUDGET_MIB, "MiB", "")
    return 0 if fine else 1


if __name__ == "__main__":
    raise SystemExit(main())
