from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Check, Finding, Severity, check
from envdoctor.diagnose.testing import snapshot_of
from envdoctor.diagnose.verdict import Verdict, decide, expected, mark_echoes
from envdoctor.facts import CudaDevice, CudaDriver, Expectation, Fact, Stage, System, TorchInstall, TorchRuntime


def a_check(id: str, *explains: str) -> Check:
    @check(id, explains=explains)
    def judge(system: System) -> Iterator[Finding]:
        """Something is wrong."""
        yield Finding(title="x")

    return judge


def verdict(*findings: Finding, checks: tuple[Check, ...] = (), facts: tuple[Fact, ...] = ()) -> Verdict:
    snapshot = snapshot_of(*facts)
    weighed = expected(findings, snapshot)
    return decide(mark_echoes(weighed, {check.id: check for check in checks}), snapshot)


LOW = Finding(id="driver.version-mismatch", title="535 against 550")
HIGH = Finding(id="torch.cpu-only-build", title="built without CUDA")
WORKING = (
    TorchRuntime(version="2.5.1+cu124", cuda_available=True, works=True, device_count=1),
    CudaDriver(init_code=0, device_count=1, devices=(CudaDevice(ordinal=0, name="NVIDIA GeForce RTX 4090"),)),
)


def test_the_lowest_layer_is_the_cause_and_the_other_is_named_too() -> None:
    found = verdict(HIGH, LOW)
    assert (found.status, found.cause, found.also) == ("broken", LOW.id, (HIGH.id,))
    assert found.summary == "535 against 550; also torch.cpu-only-build"


def test_an_echo_is_marked_and_not_named() -> None:
    checks = (a_check(LOW.id, "torch.*"),)
    marked = mark_echoes((LOW, HIGH), {check.id: check for check in checks})
    assert {finding.id: finding.caused_by for finding in marked} == {LOW.id: None, HIGH.id: LOW.id}
    assert verdict(LOW, HIGH, checks=checks).also == ()


def test_a_higher_check_may_explain_a_lower_symptom() -> None:
    symptom = Finding(id="torch.import-fails", title="ImportError")
    missing = Finding(id="cuda.library-missing", title="libcudart.so.13")
    found = verdict(symptom, missing, checks=(a_check(missing.id, symptom.id),))
    assert (found.cause, found.also) == (missing.id, ())


def test_two_that_explain_each_other_leave_the_lower_one_standing() -> None:
    checks = (a_check(LOW.id, HIGH.id), a_check(HIGH.id, LOW.id))
    assert verdict(HIGH, LOW, checks=checks).cause == LOW.id


def test_a_warning_that_explains_an_error_is_the_cause_of_something_broken() -> None:
    pin = Finding(id="torch.pinned-libs-mismatch", title="9.0 for 9.1", severity="warning")
    echo = Finding(id="cudnn.version-mismatch", title="refused")
    found = verdict(pin, echo, checks=(a_check(pin.id, echo.id),))
    assert (found.status, found.cause) == ("broken", pin.id)


def test_a_warning_alone_degrades() -> None:
    found = verdict(Finding(id="env.launch-blocking", title="1", severity="warning"), facts=WORKING)
    assert (found.status, found.cause, found.gpu_usable) == ("degraded", "env.launch-blocking", True)


def test_a_warning_alone_where_torch_sees_no_gpu_is_a_sign_not_an_answer() -> None:
    warning = Finding(id="driver.nvml-crashed", title="nvmlInit was ended by SIGSEGV", severity="warning")
    found = verdict(warning, facts=(TorchRuntime(cuda_available=False),))
    assert (found.status, found.cause, found.confidence) == ("unknown", "driver.nvml-crashed", "possible")
    assert found.summary == "torch sees no GPU; the only sign of why: nvmlInit was ended by SIGSEGV"


def test_an_error_comes_before_a_warning_of_a_lower_layer() -> None:
    found = verdict(Finding(id="gpu.pcie-degraded", title="x4", severity="warning"), HIGH)
    assert (found.cause, found.also) == (HIGH.id, ())


def test_a_note_is_never_a_cause() -> None:
    found = verdict(Finding(id="cuda.toolkit-mismatch", title="12.1", severity="info"), facts=WORKING)
    assert (found.status, found.cause) == ("ok", None)


def test_a_note_explains_nothing() -> None:
    note = Finding(id=LOW.id, title="x", severity="info")
    assert verdict(note, HIGH, checks=(a_check(LOW.id, HIGH.id),)).cause == HIGH.id


def test_a_plugin_that_fails_is_no_cause_of_the_machine() -> None:
    found = verdict(Finding(id="plugin.load-failed", title="x", severity="warning"), facts=WORKING)
    assert (found.status, found.cause) == ("ok", None)


def test_healthy_names_torch_and_gpu() -> None:
    found = verdict(facts=WORKING)
    assert (found.status, found.gpu_usable, found.confidence) == ("ok", True, "certain")
    assert found.summary == "torch 2.5.1+cu124 uses NVIDIA GeForce RTX 4090"


def test_without_the_work_it_is_only_likely() -> None:
    install = TorchInstall(present=True, version="2.5.1+cu124", cuda="12.4", hip="")
    found = verdict(facts=(install, WORKING[1]))
    assert (found.status, found.gpu_usable, found.confidence) == ("ok", True, "likely")


def test_nothing_known_is_unknown_not_ok() -> None:
    found = verdict()
    assert (found.status, found.gpu_usable, found.cause) == ("unknown", None, None)


def test_no_gpu_and_no_reason_is_unknown() -> None:
    found = verdict(facts=(TorchRuntime(version="2.5.1", cuda_available=False),))
    assert (found.status, found.gpu_usable) == ("unknown", False)


def test_expecting_the_processor_makes_its_torch_fine() -> None:
    facts = (Expectation(device="cpu"), TorchRuntime(version="2.13.0+cpu", stages=(Stage(name="import", status="ok"),)))
    found = verdict(LOW, HIGH, facts=facts)
    assert (found.status, found.cause) == ("ok", None)
    assert found.summary == "torch 2.13.0+cpu runs on the processor, as expected"


def test_expecting_the_processor_does_not_excuse_a_torch_that_cannot_be_imported() -> None:
    facts = (Expectation(device="cpu"), TorchRuntime(stages=(Stage(name="import", status="failed"),)))
    assert verdict(Finding(id="torch.import-fails", title="x"), facts=facts).cause == "torch.import-fails"


def test_a_torch_whose_start_failed_uses_no_gpu_whatever_cuinit_says() -> None:
    failed = TorchRuntime(
        stages=(Stage(name="import", status="ok"), Stage(name="cuda-init", status="failed", error="x"))
    )
    found = verdict(facts=(failed, WORKING[1], TorchInstall(present=True, cuda="12.4", hip="")))
    assert (found.status, found.gpu_usable) == ("unknown", False)


def test_a_torch_that_cannot_be_imported_uses_no_gpu() -> None:
    assert verdict(facts=(TorchRuntime(stages=(Stage(name="import", status="crashed"),)),)).gpu_usable is False


def of(gpu: int | None, id: str, severity: Severity = "error") -> Finding:
    return Finding(id=id, title=f"{id} of {gpu}", severity=severity, gpu=gpu)


def test_one_cards_fault_explains_nothing_of_anothers() -> None:
    checks = (a_check("gpu.reset-required", "gpu.ecc-errors"),)
    found = verdict(of(1, "gpu.reset-required"), of(3, "gpu.ecc-errors"), checks=checks)
    assert (found.cause, found.also) == ("gpu.reset-required", ("gpu.ecc-errors",))
    same = verdict(of(3, "gpu.reset-required"), of(3, "gpu.ecc-errors"), checks=checks)
    assert same.also == ()


def test_of_two_cards_with_one_fault_only_the_explained_one_is_an_echo() -> None:
    checks = {"gpu.reset-required": a_check("gpu.reset-required", "gpu.ecc-errors")}
    findings = (of(1, "gpu.reset-required"), of(1, "gpu.ecc-errors"), of(3, "gpu.ecc-errors"))
    marked = {(finding.id, finding.gpu): finding.caused_by for finding in mark_echoes(findings, checks)}
    assert marked[("gpu.ecc-errors", 1)] == "gpu.reset-required"
    assert marked[("gpu.ecc-errors", 3)] is None


def test_a_finding_about_no_card_explains_and_is_explained_by_any() -> None:
    checks = (a_check("driver.gpu-lost", "cuda.init-failed"),)
    assert verdict(of(3, "driver.gpu-lost"), of(None, "cuda.init-failed"), checks=checks).also == ()


def test_within_an_area_what_spoils_results_comes_before_what_slows_down() -> None:
    slow = of(3, "gpu.clocks-low", "warning"), of(2, "gpu.busy", "warning"), of(3, "gpu.pcie-degraded", "warning")
    assert verdict(*slow, of(3, "gpu.ecc-errors", "warning"), facts=WORKING).cause == "gpu.ecc-errors"
    assert verdict(*slow, facts=WORKING).cause == "gpu.pcie-degraded"


def test_the_import_comes_before_what_the_build_can_do() -> None:
    found = verdict(HIGH, Finding(id="torch.import-fails", title="import torch raises ImportError"))
    assert (found.cause, found.also) == ("torch.import-fails", (HIGH.id,))


def test_expecting_the_processor_excuses_no_module_that_only_bears_torchs_name() -> None:
    install = TorchInstall(present=True, module_kind="shadow", module_file="/srv/torch.py")
    runtime = TorchRuntime(stages=(Stage(name="import", status="ok"),))
    here = Finding(id="torch.shadowed-module", title="/srv/torch.py is not PyTorch")
    found = verdict(LOW, here, facts=(Expectation(device="cpu"), install, runtime))
    assert (found.status, found.cause, found.also) == ("broken", "torch.shadowed-module", ())
