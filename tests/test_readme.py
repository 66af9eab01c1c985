"""What README shows is what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from envdoctor.cli import COMMANDS, group
from envdoctor.diagnose.plugins import load_checks
from envdoctor.examine import judge
from envdoctor.facts.codec import decode_snapshot
from envdoctor.report.terminal import render

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CALLS = sorted(set(re.findall(r"`(envdoctor [a-z][^`]*)`|^\$ (envdoctor .*)$", README, re.MULTILINE)))


def test_the_example_is_what_a_recorded_machine_prints() -> None:
    shown = README.partition("$ envdoctor check\n")[2].partition("…\n```")[0]
    report = judge(decode_snapshot((ROOT / "fixtures/machines/upgraded-without-reboot/snapshot.json").read_bytes()))
    assert len(shown.splitlines()) > 8
    assert render(report, width=100).startswith(shown)


@pytest.mark.parametrize("call", ["".join(found) for found in CALLS])
def test_every_command_and_option_that_is_named_exists(call: str) -> None:
    name, *words = call.split()[1:]
    assert name in COMMANDS
    command = group.get_command(click.Context(group), name)
    assert command is not None
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)} <= options


def test_every_id_that_is_named_is_one() -> None:
    areas = {id.partition(".")[0] for id in load_checks().by_id()} - {"host"}
    named = {id for id in re.findall(r"`([a-z]+\.\w+-[\w-]+)`", README) if id.partition(".")[0] in areas}
    assert named
    assert named <= set(load_checks().by_id())
