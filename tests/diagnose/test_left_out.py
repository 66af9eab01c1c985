from __future__ import annotations

import pytest

from envdoctor.diagnose.api import Finding
from envdoctor.diagnose.left_out import left_out
from envdoctor.diagnose.testing import snapshot_of
from envdoctor.diagnose.verdict import expected
from envdoctor.facts import CudaDevice, CudaDriver, Environment, Nvml, NvmlGpu

FOUR = Nvml(gpus=tuple(NvmlGpu(index=i, pci_bus_id=f"00000000:0{i + 1}:00.0") for i in range(4)))


def cuda(*buses: int | None, code: int = 0) -> CudaDriver:
    return CudaDriver(
        init_code=code,
        device_count=len(buses),
        devices=tuple(
            CudaDevice(ordinal=i, pci_bus_id=f"0000:0{bus}:00.0" if bus is not None else None)
            for i, bus in enumerate(buses)
        ),
    )


def mask(value: str) -> Environment:
    return Environment(variables={"CUDA_VISIBLE_DEVICES": value})


def test_what_a_mask_does_not_name_is_left_out() -> None:
    assert left_out(FOUR, cuda(2, 3), mask("1,2")) == {0, 3}
    assert left_out(FOUR, cuda(2), mask("GPU-5f3c1d2e")) == {0, 2, 3}


def test_a_lost_card_is_left_out_where_all_that_the_mask_names_are_there() -> None:
    lost = Nvml(gpus=(FOUR.gpus[0], NvmlGpu(index=1, error=15)))
    assert left_out(lost, cuda(1), mask("0")) == {1}
    assert left_out(lost, cuda(1), mask("0,1")) == frozenset()


@pytest.mark.parametrize(
    ("driver", "environment"),
    [
        (cuda(2, 3), Environment(variables={})),
        (cuda(2), mask("1,7")),
        (cuda(code=100), mask("1")),
        (cuda(None), mask("1")),
        (cuda(), mask("")),
        (None, mask("1")),
        (cuda(2), None),
    ],
)
def test_nothing_is_left_out_where_nobody_knows(driver: CudaDriver | None, environment: Environment | None) -> None:
    assert left_out(FOUR, driver, environment) == frozenset()
    assert left_out(None, driver, environment) == frozenset()


def test_what_ails_a_card_that_is_left_out_is_a_note() -> None:
    ill = Finding(id="gpu.ecc-errors", title="GPU 3", gpu=3), Finding(id="gpu.ecc-errors", title="GPU 1", gpu=1)
    weighed = expected(ill, snapshot_of(FOUR, cuda(2, 3), mask("1,2")))
    assert [finding.severity for finding in weighed] == ["info", "error"]
