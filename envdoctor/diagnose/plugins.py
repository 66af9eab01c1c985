"""Find checks and collectors through entry points: the built-in ones come through the same door as anybody's."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, TypeVar

from envdoctor.collect.api import Collector
from envdoctor.diagnose.api import BUILT_IN, Check, Finding
from envdoctor.diagnose.foreign import PATIENCE, within
from envdoctor.facts import Evidence

CHECKS = "envdoctor.checks"
COLLECTORS = "envdoctor.collectors"
LOAD_FAILED = "plugin.load-failed"

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Loaded:
    """The checks that are installed, and a finding for each plugin that failed to load."""

    checks: tuple[Check, ...]
    failures: tuple[Finding, ...]

    def by_id(self) -> dict[str, Check]:
        """The checks by their ids."""
        return {check.id: check for check in self.checks}


@dataclasses.dataclass(frozen=True)
class LoadedCollectors:
    """The collectors that are installed, and a finding for each plugin that failed to load."""

    collectors: tuple[Collector, ...]
    failures: tuple[Finding, ...]


def walk(module: ModuleType) -> Iterator[str]:
    """The name of a module and, where it is a package, of every module below it, in the order of their names."""
    yield module.__name__
    below = pkgutil.walk_packages(getattr(module, "__path__", ()), module.__name__ + ".", onerror=lambda name: None)
    yield from sorted(name for _, name, _ in below)


def _party(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.value


def _failure(entry: EntryPoint, module: str, error: BaseException) -> Finding:
    return Finding(
        id=LOAD_FAILED,
        severity="warning",
        title=f"Plugin {entry.name!r} of {_party(entry)} failed to load: {type(error).__name__}"[:100],
        detail=f"What {module} brings did not run. {error}",
        evidence=(Evidence(f"entry point {entry.group}", f"{entry.name} = {entry.value}"),),
    )


def _load(group: str, gather: Callable[[ModuleType, str], Iterator[T]]) -> tuple[tuple[T, ...], tuple[Finding, ...]]:
    found: list[T] = []
    failures: list[Finding] = []
    entries = sorted(entry_points(group=group), key=lambda entry: (_party(entry) != BUILT_IN, entry.name))
    for entry in {(entry.name, entry.value): entry for entry in entries}.values():
        names, index = [entry.value], 0
        party = _party(entry)  # asked once: each time it parses the metadata of the distribution
        load = importlib.import_module if party == BUILT_IN else _import_foreign
        while index < len(names):
            try:
                module = load(names[index])
                found += gather(module, party)
                names += [name for name in walk(module) if name not in names] if index == 0 else []
            except Exception as error:  # noqa: BLE001 - one of the three seams: a plugin that breaks is report data
                failures.append(_failure(entry, names[index], error))
            index += 1
    return tuple(found), tuple(failures)


def _import_foreign(name: str) -> ModuleType:
    return within(PATIENCE, lambda: importlib.import_module(name))


def _checks_in(module: ModuleType, party: str) -> Iterator[Check]:
    for value in vars(module).values():
        if isinstance(value, Check):
            yield dataclasses.replace(value, party=party)


def _collectors_in(module: ModuleType, party: str) -> Iterator[Collector]:
    for value in vars(module).values():
        mark: Any = getattr(value, "__envdoctor_collector__", None)
        if isinstance(mark, Collector) and value.__module__ == module.__name__:
            yield dataclasses.replace(mark, party=party)


@functools.cache
def load_checks() -> Loaded:
    """Every installed check, built-in ones first. Two checks of one id: the first is kept, the other is a finding."""
    found, failures = _load(CHECKS, _checks_in)
    checks: dict[str, Check] = {}
    doubles: list[Finding] = []
    for check in found:
        first = checks.setdefault(check.id, check)
        if first is not check and first.judge is not check.judge:
            doubles.append(_double(check, first))
    return Loaded(tuple(checks.values()), (*failures, *doubles))


def _double(check: Check, first: Check) -> Finding:
    return Finding(
        id=LOAD_FAILED,
        severity="warning",
        title=f"Check {check.id} of {check.party} has the id of one of {first.party}"[:100],
        detail="It did not run: ids are unique, and the first one found is kept.",
    )


@functools.cache
def load_collectors() -> LoadedCollectors:
    """Every installed collector, built-in ones first."""
    return LoadedCollectors(*_load(COLLECTORS, _collectors_in))
