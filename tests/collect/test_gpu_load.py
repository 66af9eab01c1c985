from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envdoctor.collect.gpu_load import load_of
from envdoctor.inside import nvml_watch

if TYPE_CHECKING:
    from conftest import FakeDriver

CONSTANTS = {
    "constants": {
        "sm_mhz_max": 1980,
        "power_limit_w": 700.0,
        "link_width_max": 16,
        "link_generation_max": 5,
        "bus_width": 6144,
    }
}
KERNELS = [
    {"stage": "copy", "begun": 10.0, "seconds": 1.0},
    {"stage": "transfers", "begun": 11.0, "seconds": 1.0},
    {"stage": "fft", "begun": 12.0, "seconds": 1.0},
]


def sample(at: float, **values: Any) -> dict[str, Any]:
    return {"at": at, "utilization": 0, "sm_mhz": 210, "reasons": 0x1, "link_generation": 1, "link_width": 16, **values}


IDLE = [sample(8.0 + i / 10) for i in range(10)]
BUSY = [sample(10.05 + i / 10, sm_mhz=1900, utilization=100, reasons=0x4, power_w=600.0 + i) for i in range(9)]
MOVING = [sample(11.05 + i / 10, link_generation=5) for i in range(9)]


def test_clocks_and_power_are_those_of_the_busy_time() -> None:
    load, tenants = load_of([{"processes": [4711]}, CONSTANTS, *IDLE, *BUSY, *MOVING], KERNELS)
    assert load is not None
    assert (load.samples, load.sm_mhz, load.sm_mhz_max, load.power_w, load.reasons) == (9, 1900, 1980, 608.0, 0x4)
    assert tenants == (4711,)


def test_the_link_is_read_during_the_transfers() -> None:
    load, _ = load_of([CONSTANTS, *IDLE, *BUSY, *MOVING], KERNELS)
    assert load is not None
    assert (load.link_generation, load.link_generation_max, load.link_width) == (5, 5, 16)


def test_use_before_the_work_is_that_of_others() -> None:
    quiet, _ = load_of([*IDLE, *BUSY], KERNELS)
    taken, _ = load_of([*(sample(8.0 + i / 10, utilization=90) for i in range(10)), *BUSY], KERNELS)
    assert quiet is not None
    assert taken is not None
    assert (quiet.utilization_before, taken.utilization_before) == (0, 90)


def test_an_event_of_a_moment_is_no_throttling() -> None:
    once = [sample(10.0, reasons=0x20), *(sample(10.1 + i / 20, reasons=0) for i in range(9))]
    often = [sample(10.1 + i / 20, reasons=0x60) for i in range(9)]
    assert load_of(once, KERNELS)[0].reasons == 0  # type: ignore[union-attr]
    assert load_of(often, KERNELS)[0].reasons == 0x60  # type: ignore[union-attr]


def test_fields_that_the_card_has_not_stay_unknown() -> None:
    load, _ = load_of([{"at": 10.5}], KERNELS)
    assert load is not None
    assert (load.sm_mhz, load.reasons, load.link_width, load.power_limit_w) == (None, None, None, None)


def test_nothing_sampled_is_nothing_known() -> None:
    assert load_of([], KERNELS) == (None, ())
    assert load_of([{"processes": [1]}, CONSTANTS], KERNELS) == (None, (1,))


def test_counters_tell_by_how_much_they_grew() -> None:
    before = {"counters": {"ecc_corrected": 7, "ecc_uncorrected": 1, "pcie_replays": 4}}
    after = {"counters": {"ecc_corrected": 50_007, "ecc_uncorrected": 1, "pcie_replays": 2}}
    load, _ = load_of([before, *BUSY, after], KERNELS)
    assert load is not None
    assert (load.ecc_corrected, load.ecc_uncorrected, load.pcie_replays) == (50_000, 0, None)
    once, _ = load_of([before, *BUSY], KERNELS)
    assert once is not None
    assert (once.ecc_corrected, once.pcie_replays) == (None, None)


def test_the_sampler_counts_before_and_after(fake_driver: FakeDriver) -> None:
    script = Path(nvml_watch.__file__)
    environ = {
        "LD_LIBRARY_PATH": str(fake_driver.lib),
        "STUB_ECC": "1",
        "STUB_ECC_CORRECTED": "7",
        "STUB_PCIE_REPLAYS": "4",
    }
    told = subprocess.run(
        [sys.executable, str(script), "0000:01:00.0"], input="", env=environ, capture_output=True, text=True, check=True
    ).stdout
    lines = [json.loads(line) for line in told.splitlines()]
    counted = {"ecc_corrected": 7, "ecc_uncorrected": 0, "pcie_replays": 4}
    assert [line["counters"] for line in lines if "counters" in line] == [counted, counted]
    assert lines[0] == {"processes": []}
