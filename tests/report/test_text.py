from __future__ import annotations

import pytest

from envdoctor.report.text import one_line, plain, safe


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\rb\x00c\x7f", "a\\rb\\x00c\\x7f"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2028line", "\\u2028line"),
        ("tab\there\nnext", "tab here\nnext"),
        ("Größe 4 × 8 – ✓ 漢字", "Größe 4 × 8 – ✓ 漢字"),
        ("[bold]no markup[/bold]", "[bold]no markup[/bold]"),
    ],
)
def test_nothing_that_a_terminal_acts_on_gets_through(raw: str, shown: str) -> None:
    assert safe(raw) == shown


def test_one_line_is_short_and_one() -> None:
    assert one_line("two\nlines  and blanks", 80) == "two lines and blanks"
    assert one_line("x" * 100, 80) == "x" * 79 + "…"


def test_plain_falls_back_where_the_encoding_lacks_a_character() -> None:
    assert plain("8 × H100 – cut…", "ascii") == "8 x H100 - cut..."
    assert plain("8 × H100", "latin-1") == "8 × H100"
    assert plain("漢", "no-such-encoding") == "?"
