"""No input raises, and nothing of it reaches the terminal as more than text."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envdoctor.cli.triage import decode
from envdoctor.examine import judge
from envdoctor.read import text as text_module
from envdoctor.read.text import read_text
from envdoctor.report.json import render as render_json
from envdoctor.report.json import schema
from envdoctor.report.terminal import first_line, render
from reports import REPORTS

UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")
PIECES = st.sampled_from([piece for paste in REPORTS for piece in re.split(r"(?<=[\s:=(])", paste.text) if piece])
TEXTS = st.one_of(
    st.text(max_size=400),
    st.lists(PIECES, max_size=60).map("".join),
    st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=40).map("".join),
    st.binary(max_size=300).map(decode),
)


def whole(text: str) -> str:
    """Everything that triage does with a text; what it prints."""
    report = judge(read_text(text, "2026-01-01T00:00:00Z"))
    json.loads(render_json(report))
    assert not report.snapshot.problems
    assert len(first_line(report)) <= 80
    assert not [check for check in report.checks if check.status == "crashed"], report.checks
    return render(report, verbose=1)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TEXTS)
def test_no_text_raises_and_none_gets_through_unescaped(text: str) -> None:
    assert not UNSAFE.search(whole(text))


@pytest.mark.parametrize(
    "text",
    [
        "\x1b]0;owned\x07\x1b[31mred\x1b[0m Driver Version: 550.54.14",
        "\x1b[2J\x1b[H" * 50,
        "[bold red]markup[/bold red] [link=http://x]y[/link]",
        "\u202etxet desrever\u202c",
        "\0" * 10_000,
        "{" * 100_000,
        "[" * 100_000,
        "a" * 3_000_000,
        "\n" * 200_000,
        "NVRM: Xid (PCI:0000:01:00): " + "9" * 5000,
        "GPU " + "9" * 300 + ": NVIDIA A100",
        "PyTorch version: 2.1.0\nCUDA used to build PyTorch: 1" + "9" * 90 + ".1\nIs CUDA available: True\nOS: Ubuntu",
        "GPU " + "1," * 3000 + "1: NVIDIA A100",
        "nr_throttled " + "9" * 4000,
        "cpu.max = 1 0",
        "CPU(s): " + "9" * 400,
        "|   0  NVIDIA A100  Off |\n| N/A 3C P0 9W / 9W | " + "9" * 300 + "MiB / 1MiB | 0% Default |",
        "os.environ['CUDA_VISIBLE_DEVICES'] = '" + "9" * 3000 + "'",
        "NVIDIA-SMI 550.54.14 Driver Version: 550.54.14 CUDA Version: 999999999.9",
        ">>> torch.__version__\n" + "1." * 900 + "1",
        "torch==" + "1" * 200 + "." + "2" * 200,
        '{"schema": "envdoctor.snapshot/2"}',
    ],
    ids=lambda text: repr(text[:30]),
)
def test_hostile_texts(text: str) -> None:
    assert not UNSAFE.search(whole(text))


@pytest.mark.parametrize("paste", REPORTS[::4], ids=lambda paste: str(paste.cause))
def test_a_cut_off_report_is_a_report(paste: object) -> None:
    text = paste.text  # type: ignore[attr-defined]
    for end in range(0, len(text), max(len(text) // 5, 1)):
        whole(text[:end])


def test_reports_of_texts_meet_the_schema() -> None:
    validator = jsonschema.Draft202012Validator(schema())
    for paste in REPORTS[::6]:
        validator.validate(json.loads(render_json(judge(read_text(paste.text, "2026-01-01T00:00:00Z")))))


def test_time_grows_with_length_and_no_faster() -> None:
    """A pattern that backtracks would take minutes here; the limit is far above what a slow machine needs."""
    import time

    begun = time.process_time()
    for piece in (
        "GPU 0: ",
        "| ",
        "nvidia-smi ",
        "a: ",
        "lib.so ",
        "=> not found ",
        "torch ",
        "9.",
        "(pid=1) ",
        "A=",
        "> ",
    ):
        read_text(piece * (200_000 // len(piece)), "t")
        read_text((piece + "\n") * (60_000 // len(piece)), "t")
    assert time.process_time() - begun < 20


@pytest.mark.parametrize("pattern", ["NCCL", "GPU", ".dll", "undefined symbol: ", "NCCL_P2P_DISABLE", "nvidia-smi"])
def test_a_pattern_without_end_costs_no_more_than_its_length(pattern: str) -> None:
    import time

    text = (pattern + "\n") * (300_000 // len(pattern))
    begun = time.process_time()
    read_text(text, "t")
    assert time.process_time() - begun < 5


def test_a_reader_that_fails_takes_nothing_from_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(lines: object, notes: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(text_module, "READERS", (broken, *text_module.READERS))
    report = judge(read_text("PyTorch version: 2.1.0+cpu", "2026-01-01T00:00:00Z"))
    assert report.verdict.cause == "torch.cpu-only-build"
    assert report.snapshot.problems["reading"].detail == "broken: ZeroDivisionError: division by zero"
