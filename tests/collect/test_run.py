from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envdoctor.collect.api import Collector, collector, make_collector
from envdoctor.collect.host import CannotLook, Host, LiveHost
from envdoctor.collect.request import Request
from envdoctor.collect.run import Collected, begin
from envdoctor.facts import Container, Interpreter, Nvml, ProbeDeaths, Resources, System, TorchInstall


def run(*functions: Callable[..., Any], quick: bool = False, seconds: float = 5.0, **options: Any) -> Collected:
    host = LiveHost(request=Request(quick=quick, total_seconds=seconds))
    return begin(host, [made(function, **options) for function in functions]).wait()


def made(function: Callable[..., Any], **options: Any) -> Collector:
    return make_collector(function, quick=options.get("quick_too", True), first=False)


def system(host: Host) -> System:
    return System(kernel="6.1")


def container(host: Host, system: System, nvml: Nvml | None) -> Container:
    return Container(marker=f"{system.kernel} {nvml}")


def test_a_collector_gets_the_facts_it_builds_on() -> None:
    found = run(container, system)
    assert found.facts["probe_deaths"] == ProbeDeaths()
    assert found.facts["container"] == Container(marker="6.1 None")


def test_what_builds_on_an_unknown_fact_is_skipped_and_says_so() -> None:
    def system(host: Host) -> System:
        raise CannotLook("denied", "no right to read /proc/version")

    found = run(container, system)
    assert found.problems["system"].kind == "denied"
    assert (found.problems["container"].kind, found.problems["container"].detail) == ("skipped", "system is unknown")


@pytest.mark.parametrize(
    ("error", "kind", "detail"),
    [
        (PermissionError(13, "denied", "/dev/kmsg"), "denied", "no right to read /dev/kmsg"),
        (FileNotFoundError(2, "none", "/proc/x"), "absent", "there is no /proc/x"),
        (ZeroDivisionError("by zero"), "failed", "ZeroDivisionError: by zero"),
    ],
)
def test_what_a_collector_raises_is_a_problem_of_its_own_fact_only(error: Exception, kind: str, detail: str) -> None:
    def resources(host: Host) -> Resources:
        raise error

    found = run(resources, system)
    assert (found.problems["resources"].kind, found.problems["resources"].detail) == (kind, detail)
    assert "system" in found.facts


def test_several_facts_of_one_collector() -> None:
    def python(host: Host) -> tuple[Interpreter, TorchInstall]:
        return Interpreter(path="/usr/bin/python3"), TorchInstall(present=False)

    assert {"interpreter", "torch_install"} <= set(run(python).facts)


def test_what_hung_or_died_is_a_fact_of_its_own() -> None:
    def nvml(host: Host) -> Nvml:
        raise CannotLook("crashed", "nvmlInit was ended by SIGSEGV", stage="init", signal="SIGSEGV")

    deaths = run(nvml).facts["probe_deaths"]
    assert isinstance(deaths, ProbeDeaths)
    [death] = deaths.deaths
    assert (death.probe, death.kind, death.stage, death.signal) == ("nvml", "crashed", "init", "SIGSEGV")
    assert deaths.of("nvml") == death
    assert deaths.of("cuda_driver") is None


def test_they_run_side_by_side() -> None:
    meet = threading.Barrier(2, timeout=3)

    def system(host: Host) -> System:
        meet.wait()
        return System()

    def resources(host: Host) -> Resources:
        meet.wait()
        return Resources()

    assert {"system", "resources"} <= set(run(system, resources).facts)


def test_one_that_never_comes_back_is_left_behind() -> None:
    release = threading.Event()

    def resources(host: Host) -> Resources:
        release.wait(10)
        return Resources()

    begun = time.monotonic()
    found = run(resources, system, seconds=0.2)
    release.set()
    assert time.monotonic() - begun < 2
    assert found.problems["resources"].kind == "timeout"
    assert {probe.name: probe.status for probe in found.probes} == {"resources": "timeout", "system": "ok"}


def test_quick_leaves_out_what_is_slow() -> None:
    found = run(system, quick=True, quick_too=False)
    assert found.problems["system"].kind == "skipped"


def test_a_collector_must_return_facts() -> None:
    def number(host: Host) -> int:
        return 1

    with pytest.raises(TypeError, match="must return a Fact"):
        collector(number)


def test_what_the_interruption_killed_is_not_said_to_have_crashed(tmp_path: Path) -> None:
    script = tmp_path / "sleep.py"
    script.write_text("import time\ntime.sleep(60)\n")
    started = threading.Event()

    def resources(host: Host) -> Resources:
        started.set()
        host.child(str(script))
        return Resources()

    def interrupt(pending: tuple[str, ...]) -> None:
        if started.is_set():
            time.sleep(0.1)
            raise KeyboardInterrupt

    host = LiveHost(request=Request())
    found = begin(host, [made(resources)]).wait(interrupt)
    assert host.interrupted
    assert found.problems["resources"].kind == "skipped"
    assert found.problems["resources"].detail.startswith("interrupted after")
    assert found.facts["probe_deaths"] == ProbeDeaths()
