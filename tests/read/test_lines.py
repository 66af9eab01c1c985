from __future__ import annotations

import pytest

from envdoctor.read.lines import read_lines, shed

SAID = "RuntimeError: CUDA error: out of memory"


@pytest.mark.parametrize(
    "noisy",
    [
        f"\x1b[31m{SAID}\x1b[0m",
        f"> {SAID}",
        f"> > {SAID}",
        f"&gt; {SAID}",
        f"<pre>{SAID}</pre>",
        f"svc-1  | {SAID}",
        f"vllm-openai_1  | {SAID}",
        f"[rank0]: {SAID}",
        f"(EngineCore_DP0 pid=406) {SAID}",
        f"(RayWorkerWrapper pid=3487) ERROR 06-05 16:30:08 worker_base.py:148] {SAID}",
        f"2026-01-30T21:26:55.044618408Z {SAID}",
        f"Nov 24 13:00:00 node7 python[71]: {SAID}",
        f"\ufeff{SAID}",
        f"{SAID}   ",
        SAID.replace(" ", "%20"),
    ],
)
def test_noise_is_shed(noisy: str) -> None:
    assert shed(noisy).endswith(SAID)
    assert len(shed(noisy)) <= len(SAID) + len("python[71]: ")


def test_prompts_of_python_are_no_quote_marks() -> None:
    assert shed(">>> torch.cuda.is_available()") == ">>> torch.cuda.is_available()"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_in_every_way(end: str) -> None:
    assert [line.text for line in read_lines(f"one{end}{end}three")] == ["one", "three"]
    assert [line.number for line in read_lines(f"one{end}{end}three")] == [1, 3]


def test_a_log_within_json_is_taken_apart() -> None:
    assert [line.text for line in read_lines("a\\nb\\nc\\nd")] == ["a", "b", "c", "d"]


def test_fences_and_empty_lines_say_nothing() -> None:
    assert [line.text for line in read_lines("```python\nx = 1\n```\n\n~~~\n")] == ["x = 1"]


def test_typography_is_made_plain() -> None:
    assert [line.text for line in read_lines("it couldn\u2018t\u00a0load \u201cx\u201d")] == ['it couldn\'t load "x"']
    assert [line.text for line in read_lines("GPU 0\uff1a Tesla P100")] == ["GPU 0: Tesla P100"]
