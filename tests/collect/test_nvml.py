"""NVML asked for real, of the fake driver in every state."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from envdoctor.collect.host import CannotLook, LiveHost
from envdoctor.collect.nvml import nvml
from envdoctor.collect.request import Request
from envdoctor.facts import Nvml

if TYPE_CHECKING:
    from conftest import FakeDriver


def ask(driver: FakeDriver, **variables: str) -> Nvml:
    """NVML's answers with the fake driver in the loader's path."""
    environ = {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": str(driver.lib), **variables}
    return nvml(LiveHost(request=Request(probe_seconds=2.0), environ=environ))


def test_a_healthy_card(fake_driver: FakeDriver) -> None:
    found = ask(fake_driver)
    assert (found.init_code, found.driver_version, found.cuda_driver_version, found.device_count) == (
        0,
        "595.45.04",
        13020,
        1,
    )
    assert found.library == str(fake_driver.lib / "libnvidia-ml.so.1")
    [gpu] = found.gpus
    assert (gpu.index, gpu.name, gpu.compute_capability, gpu.compute_mode) == (0, "NVIDIA GeForce RTX 4090", "8.9", 0)
    assert gpu.memory_total_bytes == 24564 << 20
    assert gpu.pci_bus_id is not None
    assert gpu.pci_bus_id.endswith("01:00.0")


def test_what_a_card_does_not_have_is_unknown_not_zero(fake_driver: FakeDriver) -> None:
    [gpu] = ask(fake_driver).gpus
    assert (gpu.mig_mode, gpu.fabric_state, gpu.vgpu_license) == (None, None, None)


@pytest.mark.parametrize("code", [4, 9, 15, 17, 18, 999])
def test_the_code_of_a_failed_start_is_kept_as_it_came(fake_driver: FakeDriver, code: int) -> None:
    found = ask(fake_driver, STUB_NVML_INIT=str(code))
    assert (found.init_code, found.gpus) == (code, ())
    assert found.library == str(fake_driver.lib / "libnvidia-ml.so.1")


def test_one_lost_card_of_eight_costs_only_its_own_row(fake_driver: FakeDriver) -> None:
    found = ask(fake_driver, STUB_GPU_COUNT="8", STUB_HANDLE_3="15")
    assert [gpu.index for gpu in found.gpus] == list(range(8))
    assert [gpu.error for gpu in found.gpus if gpu.error] == [15]
    assert all(gpu.name for gpu in found.gpus if gpu.index != 3)


def test_one_field_that_fails_costs_only_itself(fake_driver: FakeDriver) -> None:
    [gpu] = ask(fake_driver, STUB_RC_nvmlDeviceGetMemoryInfo="999").gpus
    assert gpu.memory_total_bytes is None
    assert gpu.name == "NVIDIA GeForce RTX 4090"


def test_the_health_of_one_card_of_eight(fake_driver: FakeDriver) -> None:
    sick = {
        "STUB_TEMP_3": "96",
        "STUB_THROTTLE_3": "0x48",
        "STUB_PCIE_WIDTH_3": "1",
        "STUB_ECC_3": "1",
        "STUB_ECC_UNCORRECTED_3": "12",
        "STUB_REMAP_3": "2,1,1,0",
    }
    found = ask(fake_driver, STUB_GPU_COUNT="8", **sick)
    gpu = found.gpus[3]
    assert (gpu.temperature_celsius, gpu.clock_event_reasons, gpu.pcie_width, gpu.pcie_width_max) == (96, 0x48, 1, 16)
    assert (gpu.ecc_enabled, gpu.ecc_uncorrected_volatile) == (True, 12)
    assert (gpu.remapped_uncorrectable, gpu.remap_pending, gpu.remap_failed) == (1, True, False)
    healthy = found.gpus[2]
    assert (healthy.clock_event_reasons, healthy.pcie_width, healthy.remap_pending) == (0x1, 16, None)


def test_links_power_and_what_a_card_does_not_have(fake_driver: FakeDriver) -> None:
    [gpu] = ask(fake_driver, STUB_NVLINK="1110", STUB_POWER_LIMIT_MW="200000").gpus
    assert gpu.nvlinks == (True, True, True, False)
    assert (gpu.power_limit_watts, gpu.power_limit_default_watts) == (200.0, 450.0)
    [plain] = ask(fake_driver).gpus
    assert (plain.nvlinks, plain.ecc_enabled, plain.retired_pages) == (None, None, None)


def test_processes_and_mig_are_listed(fake_driver: FakeDriver) -> None:
    [gpu] = ask(fake_driver, STUB_PROCS="4242:23900", STUB_MIG="1", STUB_COMPUTE_MODE="3").gpus
    assert [(process.pid, process.used_memory_bytes) for process in gpu.processes or ()] == [(4242, 23900 << 20)]
    assert (gpu.mig_mode, gpu.mig_uuids, gpu.compute_mode) == (1, (), 3)


@pytest.mark.parametrize(
    ("how", "kind", "signal"),
    [
        ("hang", "timeout", None),
        ("segv", "crashed", "SIGSEGV"),
        ("abort", "crashed", "SIGABRT"),
        ("exit:0", "crashed", None),
    ],
)
def test_a_start_that_does_not_come_back_is_a_problem_with_its_stage(
    fake_driver: FakeDriver, how: str, kind: str, signal: str | None
) -> None:
    with pytest.raises(CannotLook) as raised:
        ask(fake_driver, STUB_NVML_INIT=how)
    problem = raised.value.problem
    assert (problem.kind, problem.stage, problem.signal) == (kind, "init", signal)
    assert problem.detail.startswith("nvmlInit ")


def test_no_library_is_known_to_be_absent() -> None:
    if any(
        os.path.exists(f"{folder}/libnvidia-ml.so.1")
        for folder in ("/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib64")
    ):
        pytest.skip("this machine has a driver")
    found = nvml(LiveHost(environ={"PATH": "/usr/bin:/bin"}))
    assert (found.library, found.init_code) == ("", None)
    assert found.load_error


def test_a_card_that_is_lost_in_the_middle_costs_only_its_own_row(fake_driver: FakeDriver) -> None:
    found = ask(fake_driver, STUB_GPU_COUNT="8", STUB_LOST_3="15")
    assert [gpu.error for gpu in found.gpus] == [0, 0, 0, 15, 0, 0, 0, 0]
    assert all(gpu.name for gpu in found.gpus if gpu.index != 3)


def test_heat_power_and_firmware(fake_driver: FakeDriver) -> None:
    [gpu] = ask(
        fake_driver,
        STUB_TEMP_MEM="88",
        STUB_TEMP_MEM_MAX="95",
        STUB_TEMP_MARGIN="-3",
        STUB_THERMAL_SECONDS="312",
        STUB_CLOCK_APPLICATION="900",
        STUB_CLOCK_APPLICATION_DEFAULT="1410",
    ).gpus
    assert (gpu.memory_temperature_celsius, gpu.memory_temperature_max_celsius) == (88, 95)
    assert (gpu.temperature_margin_celsius, gpu.temperature_margin_slowdown_celsius) == (-3, -2)
    assert (gpu.thermal_violation_seconds, gpu.power_draw_watts, gpu.power_limit_enforced_watts) == (
        312.0,
        23.51,
        450.0,
    )
    assert (gpu.application_clock_mhz, gpu.application_clock_default_mhz, gpu.performance_state) == (900, 1410, 8)
    assert (gpu.gsp_firmware_version, gpu.gsp_enabled, gpu.vbios_version) == ("595.45.04", True, "95.02.3C.40.8F")
    assert (gpu.inforom_valid, gpu.pcie_replays) == (True, 0)


def test_memory_errors_and_repairs(fake_driver: FakeDriver) -> None:
    ecc = {"STUB_ECC": "1", "STUB_ECC_DEFAULT": "1", "STUB_ECC_PENDING": "0", "STUB_ECC_CORRECTED": "7"}
    repairs = {"STUB_REMAP": "1,2,0,0", "STUB_REMAP_BANKS": "630,5,3,1,1", "STUB_SRAM": "5,1"}
    [gpu] = ask(fake_driver, **ecc, **repairs, STUB_RECOVERY_ACTION="4", STUB_INFOROM_VALID="0").gpus
    assert (gpu.ecc_enabled, gpu.ecc_default, gpu.ecc_pending, gpu.ecc_corrected_volatile) == (True, True, False, 7)
    assert (gpu.sram_uncorrected_aggregate, gpu.sram_threshold_exceeded) == (5, True)
    assert (gpu.remapped_correctable, gpu.remapped_uncorrectable) == (1, 2)
    assert gpu.remap_banks == (630, 5, 3, 1, 1)
    assert (gpu.recovery_action, gpu.inforom_valid) == (4, False)


def test_errors_of_links_and_the_health_of_the_fabric(fake_driver: FakeDriver) -> None:
    links = {"STUB_NVLINK": "1" * 18, "STUB_NVLINK_RECOVERIES": "3", "STUB_NVLINK_BAD_LINK": "7"}
    fabric = {"STUB_FABRIC_STATE": "3", "STUB_FABRIC_HEALTH": "0x155"}
    [gpu] = ask(fake_driver, **links, **fabric, STUB_NVLINK_CRC="4", STUB_NVLINK_RECOVERY_FAILED="1").gpus
    assert gpu.nvlink_errors == {"crc": 4, "replay": 0, "recovery": 3, "recovery-failed": 1}
    assert (gpu.nvlink_recovered, gpu.nvlink_mbps) == ((7,), 26562)
    assert (gpu.fabric_state, gpu.fabric_status, gpu.fabric_health) == (3, 0, 0x155)


def test_what_older_cards_do_not_have_is_unknown(fake_driver: FakeDriver) -> None:
    [gpu] = ask(fake_driver, STUB_INFOROM_VALID="none", STUB_GSP="none", STUB_GSP_MODE="none").gpus
    assert (gpu.inforom_valid, gpu.gsp_firmware_version, gpu.gsp_enabled) == (None, None, None)
    assert (gpu.sram_threshold_exceeded, gpu.remap_banks, gpu.recovery_action) == (None, None, None)
    assert (gpu.nvlink_errors, gpu.nvlink_mbps, gpu.memory_temperature_celsius) == (None, None, None)
    assert (gpu.temperature_margin_celsius, gpu.ecc_default, gpu.thermal_violation_seconds) == (None, None, None)


def test_a_driver_without_field_values_keeps_all_the_rest(fake_driver: FakeDriver) -> None:
    [gpu] = ask(fake_driver, STUB_RC_nvmlDeviceGetFieldValues="13", STUB_REMAP="0,1,1,0").gpus
    assert (gpu.recovery_action, gpu.remap_pending, gpu.temperature_celsius) == (None, True, 41)


def test_instances_of_mig_are_counted(fake_driver: FakeDriver) -> None:
    [gpu] = ask(fake_driver, STUB_MIG="1", STUB_MIG_DEVICES="2").gpus
    assert len(gpu.mig_uuids or ()) == 2
    assert all(uuid.startswith("MIG-") for uuid in gpu.mig_uuids or ())


def test_the_ways_between_gpus(fake_driver: FakeDriver) -> None:
    found = ask(fake_driver, STUB_GPU_COUNT="3", STUB_P2P="5", STUB_TOPOLOGY="50", STUB_HANDLE_1="15")
    assert [(pair.first, pair.second, pair.level, pair.p2p_read) for pair in found.pairs or ()] == [(0, 2, 50, 5)]
    assert ask(fake_driver).pairs is None


def test_probes_of_our_own_are_no_processes_of_others(fake_driver: FakeDriver) -> None:
    [gpu] = ask(fake_driver, STUB_PROCS=f"{os.getpid()}:100,1:50").gpus
    assert [process.pid for process in gpu.processes or ()] == [os.getpid(), 1]
    with subprocess.Popen(["sleep", "30"]) as ours:
        try:
            [gpu] = ask(fake_driver, STUB_PROCS=f"{ours.pid}:100").gpus
        finally:
            ours.kill()
    assert gpu.processes == ()


@pytest.mark.parametrize("licensed", [True, False])
def test_the_licence_of_a_vgpu(fake_driver: FakeDriver, licensed: bool) -> None:
    [gpu] = ask(fake_driver, STUB_LICENSE=str(int(licensed)), STUB_VIRTUALIZATION="2").gpus
    assert gpu.vgpu_license == ("licensed" if licensed else "unlicensed")
