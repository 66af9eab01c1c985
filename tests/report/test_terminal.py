from __future__ import annotations

import msgspec
import pytest

from envdoctor.diagnose.api import Finding, Fix
from envdoctor.diagnose.run import CheckResult
from envdoctor.diagnose.verdict import decide, mark_echoes
from envdoctor.facts import (
    CudaDevice,
    CudaDriver,
    Environment,
    Evidence,
    Interpreter,
    KernelModule,
    LoadedLibraries,
    LoadedLibrary,
    Probe,
    Snapshot,
    Source,
    TorchInstall,
    TorchRuntime,
)
from envdoctor.report.model import Report
from envdoctor.report.terminal import first_line, render

MISMATCH = Finding(
    id="driver.version-mismatch",
    title="Kernel module 535.54.03 is loaded; libcuda.so.1 is 550.54.14",
    detail="The driver was upgraded without a reboot.",
    evidence=(Evidence("/proc/driver/nvidia/version", "535.54.03"),),
    fix=(Fix("Reboot.", "sudo reboot"),),
)


def report(*findings: Finding) -> Report:
    facts = (
        Interpreter(path="/opt/venv/bin/python", version="3.11.7"),
        TorchInstall(present=True, version="2.5.1+cu124", cuda="12.4", hip="", location="/opt/venv/lib"),
        TorchRuntime(version="2.5.1+cu124", cuda="12.4", cuda_available=not findings, works=not findings or None),
        KernelModule(loaded=True, version="535.54.03", flavour="open"),
        CudaDriver(init_code=0, driver_version=12020, devices=(CudaDevice(ordinal=0, name="NVIDIA GeForce RTX 4090"),)),
        LoadedLibraries(libraries=(LoadedLibrary(name="cudart", path="/x/libcudart.so.12", version="12.4"),)),
    )
    snapshot = Snapshot(
        created="2026-01-01T00:00:00Z",
        source=Source(),
        facts={fact.fact_name(): fact for fact in facts},
        probes=(Probe(name="nvml", status="timeout", detail="nvmlInit did not answer within 20 s"),),
    )
    marked = mark_echoes(findings, {})
    check = CheckResult(id="driver.hung", status="skipped", reason="nvml is unknown")
    return Report(
        created=snapshot.created,
        source=snapshot.source,
        verdict=decide(marked, snapshot),
        findings=marked,
        checks=(check,),
        snapshot=snapshot,
    )


def test_the_first_line_is_the_answer_in_80_characters() -> None:
    line = first_line(report(MISMATCH))
    assert line == "BROKEN driver.version-mismatch: Kernel module 535.54.03 is loaded; libcuda.so.1…"
    assert len(line) == 80
    assert render(report(MISMATCH)).splitlines()[0] == line


def test_a_healthy_machine_says_so_first() -> None:
    assert first_line(report()) == "OK: torch 2.5.1+cu124 uses NVIDIA GeForce RTX 4090"


def test_the_cause_comes_with_evidence_and_the_command() -> None:
    text = render(report(MISMATCH))
    assert "/proc/driver/nvidia/version = 535.54.03" in text
    assert "$ sudo reboot" in text
    assert "envdoctor explain driver.version-mismatch" in text


def test_what_could_not_be_looked_at_is_said() -> None:
    assert "nvml: nvmlInit did not answer within 20 s" in render(report())


def test_the_stack_shows_compiled_against_found() -> None:
    [line] = [line for line in render(report()).splitlines() if line.startswith("CUDA runtime")]
    assert line.split() == ["CUDA", "runtime", "12.4", "12.4", "/x/libcudart.so.12"]


@pytest.mark.parametrize("verbose", [0, 1])
def test_no_line_is_wider_than_asked(verbose: int) -> None:
    text = render(report(MISMATCH), width=80, verbose=verbose)
    assert max(len(line) for line in text.splitlines()) <= 80


def test_a_command_is_never_wrapped() -> None:
    command = "/opt/venv/bin/python -m pip install " + "x" * 90
    finding = Finding(id="torch.not-installed", title="no torch", fix=(Fix("Install it.", command),))
    assert f"$ {command}" in render(report(finding))


def test_ascii_and_no_escape_sequences_by_default() -> None:
    text = render(report(Finding(id="a.b", title="\x1b]0;evil\x07 [red]x[/red]")), encoding="ascii")
    assert text.isascii()
    assert "\x1b" not in text
    assert "[red]x[/red]" in text


def test_color_only_where_asked() -> None:
    assert "\x1b[1;31mBROKEN" in render(report(MISMATCH), color=True)
    assert "\x1b" not in render(report(MISMATCH))


def test_verbose_adds_libraries_probes_and_checks() -> None:
    text = render(report(), width=120, verbose=1)
    for heading in ("Loaded libraries", "Probes", "Checks"):
        assert heading in text.splitlines()
    assert "nvml is unknown" in text


def test_verbose_says_what_a_variable_changes() -> None:
    snapshot = Snapshot(
        created="2026-01-01T00:00:00Z",
        source=Source(),
        facts={"environment": Environment(variables={"CUDA_LAUNCH_BLOCKING": "1"})},
    )
    text = render(msgspec.structs.replace(report(), snapshot=snapshot), verbose=1)
    assert "whether kernel launches wait for the kernel to end" in text


def test_probes_lost_for_one_reason_share_a_line() -> None:
    snapshot = Snapshot(
        created="2026-01-01T00:00:00Z",
        source=Source(),
        probes=(
            Probe(name="cuda_driver", status="skipped", detail="interrupted"),
            Probe(name="nvml", status="skipped", detail="interrupted"),
            Probe(name="gpu_work", status="skipped", detail="torch_runtime is unknown"),
        ),
    )
    seen = msgspec.structs.replace(report(), snapshot=snapshot)
    assert "Could not be looked at\n  cuda driver, nvml: interrupted\n\n" in render(seen)


def test_an_open_verdict_says_what_was_left_out_on_purpose() -> None:
    snapshot = Snapshot(
        created="2026-01-01T00:00:00Z",
        source=Source(),
        probes=(Probe(name="nvml", status="skipped", detail="not looked at with --quick"),),
    )
    open_verdict = msgspec.structs.replace(report(), snapshot=snapshot, verdict=decide((), snapshot))
    assert "nvml: not looked at with --quick" in render(open_verdict)
    assert "--quick" not in render(msgspec.structs.replace(report(), snapshot=snapshot))
