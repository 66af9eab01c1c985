"""Run collectors side by side: each starts as soon as the facts it builds on are there, and none can hold up the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from envdoctor.collect.api import Collector
from envdoctor.collect.child import kill_all
from envdoctor.collect.host import CannotLook, Host
from envdoctor.facts import INTERRUPTED, NOT_WITH_PID, Fact, Probe, ProbeDeath, ProbeDeaths, ProbeStatus, Problem

Progress = Callable[[tuple[str, ...]], None]
"""Called with what is still at work: the names of collectors, or what they say they are doing."""


NOTHING: Mapping[str, Fact] = {}

LAST_WORDS = 1.0
"""Seconds that collectors have to write down what they found when the user interrupts."""


@dataclass
class Collected:
    """What the collectors brought home."""

    facts: dict[str, Fact] = field(default_factory=dict)
    problems: dict[str, Problem] = field(default_factory=dict)
    probes: list[Probe] = field(default_factory=list)


class Run:
    """One run. The lock guards everything in `collected` and `pending`."""

    def __init__(self, host: Host, collectors: tuple[Collector, ...], known: Mapping[str, Fact]) -> None:
        self.host = host
        unwanted = "with --pid" if host.request.pid is None else "not with --pid"
        self.collectors = tuple(collector for collector in collectors if collector.when != unwanted)
        self.collected = Collected(facts=dict(known))
        self.changed = threading.Condition()
        self.pending: dict[str, tuple[Collector, float]] = {}
        self.awaited = {kind.fact_name() for collector in self.collectors for kind in collector.facts}
        self.deaths: list[ProbeDeath] = []
        self.closed = False
        self.deadline = time.monotonic() + host.request.total_seconds
        if host.request.pid is not None:
            self.leave_out(collector for collector in collectors if collector.when == unwanted)

    def leave_out(self, collectors: Iterable[Collector]) -> None:
        """Say of the facts that nobody brings home why that is."""
        why = Problem(kind="skipped", detail=NOT_WITH_PID)
        for collector in collectors:
            self.collected.probes.append(Probe(name=collector.name, status="skipped", detail=NOT_WITH_PID))
            missed = {kind.fact_name() for kind in collector.facts} - self.awaited
            self.collected.problems.update(dict.fromkeys(missed, why))

    def settled(self, kind: type[Fact]) -> bool:
        name = kind.fact_name()
        return name in self.collected.facts or name in self.collected.problems or name not in self.awaited

    def work(self, collector: Collector) -> None:
        """The body of a collector's thread."""
        parameters = {**collector.needs, **collector.wants}
        with self.changed:
            self.changed.wait_for(lambda: self.closed or all(self.settled(kind) for kind in parameters.values()))
            if self.closed:
                return
            known = {name: self.collected.facts.get(kind.fact_name()) for name, kind in parameters.items()}
            missing = [kind.fact_name() for name, kind in collector.needs.items() if known[name] is None]
            self.pending[collector.name] = (collector, time.monotonic())
        begun = time.monotonic()
        found: tuple[Fact, ...] = ()
        problem: Problem | None = None
        if missing:
            problem = Problem(kind="skipped", detail=f"{', '.join(missing)} is unknown")
        else:
            found, problem = call(collector, self.host, known)
        self.finish(collector, found, problem, time.monotonic() - begun)

    def finish(self, collector: Collector, found: tuple[Fact, ...], problem: Problem | None, seconds: float) -> None:
        """Write down how a collector ended, unless the run is over."""
        with self.changed:
            if self.closed or self.pending.pop(collector.name, None) is None:
                return
            self.record(collector, found, problem, seconds)
            self.changed.notify_all()

    def record(self, collector: Collector, found: tuple[Fact, ...], problem: Problem | None, seconds: float) -> None:
        self.collected.facts.update({fact.fact_name(): fact for fact in found})
        if problem is not None:
            self.collected.problems.update({kind.fact_name(): problem for kind in collector.facts})
        self.deaths += _death(collector.name, problem, seconds)
        status: ProbeStatus = "ok" if problem is None else problem.kind
        detail = None if problem is None else problem.detail
        self.collected.probes.append(
            Probe(name=collector.name, status=status, detail=detail, seconds=round(seconds, 3))
        )

    def start(self) -> None:
        """Start every collector's thread; those that wait for the slowest child first."""
        for collector in sorted(self.collectors, key=lambda collector: not collector.first):
            if self.host.request.quick and not collector.quick:
                with self.changed:
                    self.record(collector, (), Problem(kind="skipped", detail="not looked at with --quick"), 0.0)
                continue
            with self.changed:
                self.pending[collector.name] = (collector, time.monotonic())
            threading.Thread(target=self.work, args=(collector,), name=collector.name, daemon=True).start()

    def _await(self, deadline: float, progress: Progress | None) -> None:
        """Until every collector has ended, or the moment `deadline` (monotonic) has come."""
        with self.changed:
            while self.pending and (left := deadline - time.monotonic()) > 0:
                if progress is not None:
                    progress(tuple(self.host.notes.get(name, name.replace("_", " ")) for name in self.pending))
                self.changed.wait(left if progress is None else min(left, 0.1))

    def wait(self, progress: Progress | None = None) -> Collected:
        """All that was found, once every collector has ended or the time is up; on Ctrl-C, what was found until then."""
        late = Problem(kind="timeout", detail="no answer within the time for the whole examination")
        try:
            self._await(self.deadline, progress)
        except KeyboardInterrupt:
            late = Problem(kind="skipped", detail=INTERRUPTED)
            self.host.interrupted = True
            kill_all()
            self._await(time.monotonic() + LAST_WORDS, None)
        with self.changed:
            self.closed = True
            for collector, begun in self.pending.values():
                self.record(collector, (), late, time.monotonic() - begun)
            self.changed.notify_all()
        kill_all()
        deaths = ProbeDeaths(deaths=tuple(self.deaths))
        self.collected.facts[ProbeDeaths.fact_name()] = deaths
        return self.collected

    def abandon(self) -> None:
        """Put an end to it with nothing to bring home. No child stays: neither one at work nor one that was just being started."""
        self.host.interrupted = True
        kill_all()
        try:
            self._await(time.monotonic() + 0.2, None)
        finally:
            kill_all()


def _death(name: str, problem: Problem | None, seconds: float) -> list[ProbeDeath]:
    if problem is None or problem.kind not in ("timeout", "crashed"):
        return []
    return [
        ProbeDeath(
            probe=name,
            kind="timeout" if problem.kind == "timeout" else "crashed",
            detail=problem.detail,
            stage=problem.stage,
            signal=problem.signal,
            frame=problem.frame,
            seconds=round(seconds, 3),
        )
    ]


def call(collector: Collector, host: Host, known: dict[str, Fact | None]) -> tuple[tuple[Fact, ...], Problem | None]:
    """Run one collector. Whatever it raises becomes a `Problem`: this is one of the three seams."""
    try:
        return _facts(collector.run(host, **known)), None
    except CannotLook as error:
        return (), error.problem
    except PermissionError as error:
        return (), Problem(kind="denied", detail=f"no right to read {error.filename}")
    except FileNotFoundError as error:
        return (), Problem(kind="absent", detail=f"there is no {error.filename}")
    except BaseException as error:  # noqa: BLE001 - the seam; a SystemExit would end the thread, and nobody would know
        return (), Problem(kind="failed", detail=f"{type(error).__name__}: {error}", party=collector.party)


def _facts(result: Any) -> tuple[Fact, ...]:
    facts = result if isinstance(result, tuple) else (result,)
    for fact in facts:
        if not isinstance(fact, Fact):
            raise TypeError(f"it returned {type(fact).__name__}, not a Fact")
        msgspec.to_builtins(fact)  # TypeError for what no report could hold
    return facts


def begin(host: Host, collectors: Iterable[Collector], known: Mapping[str, Fact] = NOTHING) -> Run:
    """Start `collectors` over `host`, all at once; `known` are facts that are there already.
    `Run.wait` brings home what they found, within `Request.total_seconds`.

    A collector that does not come back is left behind in its (daemon) thread and recorded as timed out.
    """
    run = Run(host, tuple(collectors), known)
    try:
        run.start()
    except BaseException:
        run.abandon()
        raise
    return run
