from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from envdoctor.diagnose.api import Finding, check
from envdoctor.diagnose.run import run_checks
from envdoctor.diagnose.testing import judge, snapshot_of
from envdoctor.facts import KernelModule, Nvml


@check("area.wrong", fields=("nvml.driver_version|kernel_module.version",))
def wrong(nvml: Nvml, kernel_module: KernelModule | None) -> Iterator[Finding]:
    """The two versions differ."""
    if kernel_module is not None and nvml.driver_version != kernel_module.version:
        yield Finding(title=f"{nvml.driver_version} against {kernel_module.version}")


@check("area.breaks")
def breaks(nvml: Nvml) -> Iterator[Finding]:
    """It raises."""
    yield Finding(title=str(1 / (nvml.device_count or 0)))


def test_a_finding_gets_the_id_of_its_check() -> None:
    outcome = judge(wrong, Nvml(driver_version="550"), KernelModule(version="535"))
    assert [(found.id, found.title) for found in outcome.findings] == [("area.wrong", "550 against 535")]
    assert outcome.result.status == "failed"


def test_a_title_is_one_line_of_a_hundred_characters() -> None:
    @check("area.long-winded")
    def long_winded(nvml: Nvml) -> Iterator[Finding]:
        """It quotes all that was said."""
        yield Finding(title="x" * 200)

    [finding] = judge(long_winded, Nvml()).findings
    assert finding.title == "x" * 99 + "…"


def test_silent_is_passed() -> None:
    assert judge(wrong, Nvml(driver_version="550"), KernelModule(version="550")).result.status == "passed"


def test_an_unknown_fact_skips_and_is_named() -> None:
    result = judge(wrong, KernelModule(version="550")).result
    assert (result.status, result.reason) == ("skipped", "nvml is unknown")


def test_an_unknown_field_skips_unless_an_alternative_is_known() -> None:
    result = judge(wrong, Nvml(init_code=9)).result
    assert (result.status, result.reason) == ("skipped", "nvml.driver_version or kernel_module.version is unknown")
    assert judge(wrong, Nvml(driver_version="550")).result.status == "passed"


def test_a_check_that_raises_is_crashed_and_costs_only_itself() -> None:
    [first, second] = run_checks((breaks, wrong), snapshot_of(Nvml(driver_version="550")))
    assert (first.result.status, first.findings) == ("crashed", ())
    assert first.result.reason == "torch-envdoctor: ZeroDivisionError: division by zero"
    assert second.result.status == "passed"


def test_yielding_something_else_is_a_crash() -> None:
    @check("area.yields-text")
    def yields_text(nvml: Nvml) -> Iterator[Any]:
        """It yields text."""
        yield "text"

    assert judge(yields_text, Nvml()).result.reason == "torch-envdoctor: TypeError: it yielded str, not a Finding"


@pytest.mark.parametrize("id", ["nodot", "Area.wrong", "area.Wrong", "area.", "area.wrong_thing", "a.b.c"])
def test_a_bad_id_is_refused(id: str) -> None:
    with pytest.raises(ValueError, match="no check id"):
        check(id)(wrong.judge)


def test_a_bad_path_parameter_or_page_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no such field: nvml\.nothing"):
        check("area.path", fields=("nvml.nothing",))(wrong.judge)

    def strange(nvml: Nvml, verbose: bool) -> Iterator[Finding]:
        """A page."""
        yield from ()

    with pytest.raises(ValueError, match="verbose is none"):
        check("area.strange")(strange)

    def pageless(nvml: Nvml) -> Iterator[Finding]:
        yield from ()

    with pytest.raises(ValueError, match="must not be empty"):
        check("area.pageless")(pageless)
