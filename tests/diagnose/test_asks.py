"""What is asked for next: one command, and none whose output is there."""

from __future__ import annotations

import pytest

from envdoctor.diagnose.asks import ALL, DUMP, LOG, NODES, PLACES, TABLE, TORCH, asks
from envdoctor.examine import judge
from envdoctor.read.text import read_text

SMI = "| NVIDIA-SMI 550.54.15    Driver Version: 550.54.15    CUDA Version: 12.4 |\n"
CARD = "|   0  NVIDIA A10    Off | 00000000:00:1E.0 Off |    0 |\n|  0%   30C    P8    9W / 150W |    4MiB / 23028MiB |   0%   Default |\n"
OLD = ">>> torch.cuda.is_available()\nFalse\n"
BUILD = ">>> torch.__version__\n'2.5.1+cu124'\n"


def asked(text: str) -> tuple[str, ...]:
    report = judge(read_text(text, "2026-01-01T00:00:00Z"))
    return asks(report.snapshot, report.verdict)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("It does not work, please help", DUMP),
        (OLD, DUMP),
        (OLD + BUILD, TABLE),
        (OLD + SMI + CARD, TORCH),
        (OLD + BUILD + SMI + CARD, NODES),
        ("ModuleNotFoundError: No module named 'torch'\n", PLACES),
        ("RuntimeError: No CUDA GPUs are available\n", TABLE),
    ],
)
def test_the_one_command_that_tells_most(text: str, command: str) -> None:
    assert asked(text) == (command,)


def test_nothing_is_asked_where_the_report_decides() -> None:
    assert asked("Failed to initialize NVML: Driver/library version mismatch") == ()
    assert asked("Is CUDA available: True\n" + BUILD) == ()


def test_what_is_there_is_not_asked_for() -> None:
    [command] = asked(OLD + BUILD + SMI + CARD + "crw-rw-rw- 1 root root 195, 0 May 1 10:00 /dev/nvidia0\n")
    assert command == LOG
    assert ALL.startswith("envdoctor snapshot")
