"""Recognising messages in text."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.knowledge.messages import MESSAGES, fold, message, recognise


def said(text: str) -> list[str]:
    return [found.key for found in recognise(text)]


@pytest.mark.parametrize(
    ("text", "key", "cause"),
    [
        (
            "Failed to initialize NVML: Driver/library version mismatch",
            "nvml-version-mismatch",
            "driver.version-mismatch",
        ),
        (
            "AssertionError: Torch not compiled with CUDA enabled",
            "torch-not-compiled-with-cuda",
            "torch.cpu-only-build",
        ),
        (
            "ImportError: libcupti.so.12: cannot open shared object file: No such file or directory",
            "library-missing-cupti",
            "cuda.library-missing",
        ),
        (
            "RuntimeError: operator torchvision::nms does not exist",
            "torchvision-nms-missing",
            "torch.companion-mismatch",
        ),
        (
            'docker: could not select device driver "" with capabilities: [[gpu]]',
            "docker-no-device-driver",
            "container.toolkit-missing",
        ),
    ],
)
def test_recognise(text: str, key: str, cause: str) -> None:
    assert said(text) == [key]
    row = message(key)
    assert row is not None
    assert row.cause == cause


def test_messages_come_in_the_order_of_the_text_with_their_lines() -> None:
    text = "first\n  Error 804: forward compatibility was attempted on non supported HW (x)\nNVRM: Xid (PCI:0000:05:00): 79\n"
    found = recognise(text)
    assert [message.key for message in found] == ["torch-error-804", "kernel-xid"]
    assert found[0].text == "Error 804: forward compatibility was attempted on non supported HW (x)"
    assert found[1].text == "NVRM: Xid (PCI:0000:05:00): 79"


def test_a_longer_message_stands_for_the_shorter_one_inside_it() -> None:
    assert said("Error 804: forward compatibility was attempted on non supported HW") == ["torch-error-804"]


def test_a_stricter_expression_must_match_too() -> None:
    assert said("loading /usr/lib/libcupti.so") == []
    assert said("loading libcupti.so\nlibcupti.so.12: cannot open shared object file") == ["library-missing-cupti"]


def test_healthy_text_says_nothing() -> None:
    assert said("torch 2.5.1+cu124\nCUDA available: True\nNVIDIA-SMI 550.54.15  Driver Version: 550.54.15") == []


def test_a_very_long_line_is_quoted_in_part() -> None:
    [found] = recognise("x" * 100_000 + "NVRM: Xid (" + "y" * 100_000)
    assert len(found.text) < 1000
    assert "NVRM: Xid (" in found.text


def test_a_megabyte_of_near_hits_takes_no_more_than_a_second() -> None:
    hostile = "shared memory segment " * 50_000
    begun = time.perf_counter()
    recognise(hostile)
    assert time.perf_counter() - begun < 1.0


@given(st.text(alphabet="NVRM: Xidlbcuart.so2\n", max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    assert all(message(found.key) is not None for found in recognise(text))


def test_every_row_recognises_its_own_pattern() -> None:
    for row in MESSAGES:
        if row.regex is None:
            found = recognise(f"before {row.pattern} after")
            assert any(row.pattern in hit.text for hit in found), row.key
        else:
            assert re.compile(row.regex)


def test_keys_read_as_words() -> None:
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", row.key) for row in MESSAGES)


def test_long_messages_are_found_however_they_are_capitalised() -> None:
    assert said("Error: torch not compiled with CUDA Enabled") == ["torch-not-compiled-with-cuda"]
    assert said("nvrm: xid (") == []


def test_folding_keeps_every_letter_in_its_place() -> None:
    every = "".join(map(chr, range(0x110000)))
    assert len(fold(every)) == len(every)
