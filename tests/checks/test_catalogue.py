"""Ids, files, pages and tests agree: one root cause, one of each."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

from envdoctor.diagnose.api import Check
from envdoctor.diagnose.plugins import load_checks
from envdoctor.diagnose.verdict import LAYERS
from envdoctor.knowledge.messages import MESSAGES

ROOT = Path(__file__).resolve().parents[2]
CHECKS = {check.id: check for check in load_checks().checks if check.party == "torch-envdoctor"}
HEADINGS = ("What it means:", "How to confirm it by hand:", "Ways out:", "Often mistaken for:")


CONTRACT = """
hardware.no-gpu hardware.pci-bar-unassigned vm.no-passthrough vm.vgpu-unlicensed wsl.driver
driver.not-installed driver.module-not-loaded driver.version-mismatch driver.nouveau-loaded driver.device-nodes-missing
driver.device-permission driver.gpu-lost driver.gpu-not-supported driver.fabric-manager-down driver.mig-no-instance
driver.compute-mode driver.hung
container.gpu-not-passed container.toolkit-missing container.capabilities-missing container.devices-lost
container.image-requires-newer-driver container.shm-too-small
python.wrong-interpreter python.unsupported-version
torch.not-installed torch.import-fails torch.cpu-only-build torch.wrong-vendor-build torch.arch-not-supported
torch.duplicate-installs torch.shadowed-module torch.companion-mismatch torch.extension-abi-mismatch torch.pinned-libs-mismatch
cuda.driver-too-old cuda.runtime-mismatch cuda.multiple-runtimes cuda.library-shadowed cuda.library-missing cuda.compat-conflict
cuda.stub-loaded cuda.toolkit-mismatch cuda.toolkit-missing cuda.init-failed
cudnn.missing cudnn.version-mismatch cudnn.disabled nccl.missing nccl.version-mismatch nccl.transport
env.visible-devices env.launch-blocking env.alloc-conf host.cpu-quota host.jupyter-exposed
gpu.throttled gpu.pcie-degraded gpu.memory-full gpu.busy gpu.ecc-errors gpu.nvlink-down gpu.xid-errors
gpu.clocks-low
compute.cpu-fallback compute.wrong-result compute.slow compute.launch-stall compute.step-jitter compute.jit compute.hung
framework.fallback code.not-on-gpu code.data-loading
""".split()  # noqa: SIM905 - a list of words reads better so
"""Ids that scripts rely on: never renamed, never reused."""


def file_of(id: str) -> str:
    area, _, name = id.partition(".")
    return f"{area}/{name.replace('-', '_')}.py"


def test_every_cause_that_a_table_names_has_a_check() -> None:
    named = {row.cause for row in MESSAGES} | {id for row in MESSAGES for id in row.also} - {None}
    assert named - {None} <= set(CHECKS)


def test_no_plugin_of_ours_fails_to_load() -> None:
    assert load_checks().failures == ()


@pytest.mark.parametrize("id", CONTRACT)
def test_the_contract_is_kept(id: str) -> None:
    assert id in CHECKS


@pytest.mark.parametrize("id", sorted(CHECKS))
def test_one_id_one_file_one_test(id: str) -> None:
    assert (ROOT / "checks/envdoctor_checks" / file_of(id)).is_file()
    area, _, name = file_of(id).removesuffix(".py").partition("/")
    module = importlib.import_module(f"envdoctor_checks.{area}.{name}")
    assert [value.id for value in vars(module).values() if isinstance(value, Check)] == [id]
    assert (ROOT / "tests/checks" / area / f"test_{name}.py").is_file()


def test_every_file_holds_a_check() -> None:
    files = {
        str(path.relative_to(ROOT / "checks/envdoctor_checks"))
        for path in (ROOT / "checks/envdoctor_checks").rglob("*.py")
        if path.name != "__init__.py"
    }
    assert files == {file_of(id) for id in CHECKS}


@pytest.mark.parametrize("id", sorted(CHECKS))
def test_the_page_has_every_part(id: str) -> None:
    doc = CHECKS[id].doc
    lines = [line.strip() for line in doc.splitlines()]
    assert [heading for heading in HEADINGS if heading in lines] == list(HEADINGS)
    assert CHECKS[id].summary.endswith(".")
    assert len(CHECKS[id].summary) <= 120


@pytest.mark.parametrize("id", sorted(CHECKS))
def test_its_tests_see_it_fire_and_stay_silent(id: str) -> None:
    area, _, name = file_of(id).removesuffix(".py").partition("/")
    text = (ROOT / "tests/checks" / area / f"test_{name}.py").read_text()
    names = re.findall(r"^def (test_\w+)", text, re.MULTILINE)
    assert any("silent" in name for name in names), names
    assert ".title" in text, "a test must see it fire and read its title"
    assert len(names) >= 2


@pytest.mark.parametrize("id", sorted(CHECKS))
def test_its_area_has_a_layer_and_what_it_explains_exists(id: str) -> None:
    check = CHECKS[id]
    assert check.area in LAYERS
    for pattern in check.explains:
        expression = re.compile(re.escape(pattern).replace(r"\*", ".*"))
        assert any(expression.fullmatch(other) for other in CHECKS), pattern


def test_a_check_looks_at_nothing_but_facts() -> None:
    """Checks import facts, knowledge and the check API, nothing that could look at the machine."""
    allowed = re.compile(r"^(from|import) (__future__|collections|typing|re|math|shlex|itertools|functools|operator|packaging|fnmatch|"
                         r"envdoctor\.(facts|knowledge|diagnose)|envdoctor_checks)\b")  # fmt: skip
    for id in CHECKS:
        path = ROOT / "checks/envdoctor_checks" / file_of(id)
        for line in path.read_text().splitlines():
            if re.match(r"^(from|import) ", line):
                assert allowed.match(line), f"{path}: {line}"


def test_every_judge_is_a_generator() -> None:
    for check in CHECKS.values():
        assert inspect.isgeneratorfunction(check.judge), check.id
