from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Distribution, Environment, TorchInstall
from envdoctor_checks.torch.duplicate_installs import duplicate_installs
from healthy import PYTHON, TORCH, WORKS


def install(*places: tuple[str, str]) -> TorchInstall:
    found = tuple(Distribution(name="torch", version=version, location=location) for version, location in places)
    return msgspec.structs.replace(TORCH, distributions=found)


def test_fires_on_two_in_one_folder() -> None:
    [finding] = judge(
        duplicate_installs, install(("2.5.1", "/opt/venv/lib"), ("2.4.0", "/opt/venv/lib")), PYTHON
    ).findings
    assert finding.title == "torch 2.5.1 and torch 2.4.0 are both installed, in one folder"
    assert finding.severity == "error"


def test_fires_on_two_folders_and_says_which_wins() -> None:
    both = install(("2.13.0", "/home/ada/.local/lib"), ("2.5.1", "/opt/venv/lib"))
    [finding] = judge(duplicate_installs, both, PYTHON).findings
    assert finding.title == "torch 2.13.0 and torch 2.5.1 are both installed, the one in /home/ada/.local/lib wins"


def test_only_warns_where_the_winner_works() -> None:
    both = install(("2.5.1", "/opt/venv/lib"), ("2.4.0", "/usr/lib/python3/dist-packages"))
    [finding] = judge(duplicate_installs, both, WORKS).findings
    assert finding.severity == "warning"


def test_silent_on_one_and_on_the_same_seen_twice() -> None:
    assert judge(duplicate_installs, install(("2.5.1", "/opt/venv/lib"))).findings == ()
    assert judge(duplicate_installs, install(("2.5.1", "/opt/venv/lib"), ("2.5.1", "/opt/venv/lib"))).findings == ()


def test_two_builds_for_the_processor_are_a_note() -> None:
    both = install(("2.6.0+cpu", "/opt/venv/lib"), ("2.4.0+cpu", "/opt/venv/lib"))
    [finding] = judge(duplicate_installs, both, PYTHON).findings
    assert finding.severity == "info"


def test_a_copy_that_only_a_variable_brings_is_left_where_it_is() -> None:
    both = install(("2.13.0", "/job/lib"), ("2.5.1", "/opt/venv/lib"))
    for value, command in (("/job/lib/", "unset PYTHONPATH"), ("/job/lib:/other", "export PYTHONPATH=/other")):
        paths = Environment(variables={"PYTHONPATH": value})
        assert judge(duplicate_installs, both, PYTHON, paths).findings[0].fix[0].command == command
    home = install(("2.13.0", "/home/ada/.local/lib/python3.11/site-packages"), ("2.5.1", "/opt/venv/lib"))
    [finding] = judge(duplicate_installs, home, PYTHON).findings
    assert finding.fix[0].command == "export PYTHONNOUSERSITE=1"
