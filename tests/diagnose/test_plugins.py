from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from envdoctor.diagnose import plugins
from envdoctor.diagnose.api import Finding

GOOD = '''
from collections.abc import Iterator
from envdoctor.diagnose.api import Finding, check
from envdoctor.facts import System

@check("site.rack")
def rack(system: System) -> Iterator[Finding]:
    """The rack is wrong."""
    yield Finding(title="rack 1 against rack 2")
'''


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "site_checks"
    package.mkdir()
    (package / "__init__.py").write_text("")
    yield package
    for name in [name for name in sys.modules if name.partition(".")[0] == "site_checks"]:
        del sys.modules[name]


def load(monkeypatch: pytest.MonkeyPatch, *values: str) -> plugins.Loaded:
    entries = [EntryPoint(f"plugin{i}", value, plugins.CHECKS) for i, value in enumerate(values)]
    monkeypatch.setattr(plugins, "entry_points", lambda group: entries)
    return plugins.load_checks.__wrapped__()


def test_a_package_is_walked(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (site / "rack.py").write_text(GOOD)
    loaded = load(monkeypatch, "site_checks")
    assert [check.id for check in loaded.checks] == ["site.rack"]
    assert loaded.failures == ()


def test_a_module_that_fails_is_a_finding_and_the_others_run(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (site / "a_broken.py").write_text("import no_such_module_anywhere")
    (site / "rack.py").write_text(GOOD)
    loaded = load(monkeypatch, "site_checks")
    assert [check.id for check in loaded.checks] == ["site.rack"]
    [failure] = loaded.failures
    assert failure.id == "plugin.load-failed"
    assert failure.title == "Plugin 'plugin0' of site_checks failed to load: ModuleNotFoundError"
    assert "site_checks.a_broken" in failure.detail


@pytest.mark.parametrize("value", ["no_such_package_anywhere", "os:path.nothing"])
def test_an_entry_point_that_leads_nowhere_is_a_finding(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    [failure] = load(monkeypatch, value).failures
    assert failure.id == "plugin.load-failed"


def test_two_checks_of_one_id_are_a_finding(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (site / "rack.py").write_text(GOOD)
    (site / "rack2.py").write_text(GOOD)
    loaded = load(monkeypatch, "site_checks")
    assert len(loaded.checks) == 1
    [failure] = loaded.failures
    assert isinstance(failure, Finding)
    assert "site.rack" in failure.title
