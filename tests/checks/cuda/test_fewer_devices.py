from __future__ import annotations

import msgspec
import pytest

from envdoctor.diagnose.testing import judge
from envdoctor.facts import CudaDevice, CudaDriver, Environment, Nvml, NvmlGpu, NvmlProcess
from envdoctor_checks.cuda.fewer_devices import fewer_devices
from healthy import CUDA, DOCKER, NVML

PLAIN = Environment(variables={})
THREE = Nvml(
    init_code=0,
    device_count=3,
    gpus=tuple(NvmlGpu(index=i, error=0, pci_bus_id=f"00000000:0{i + 1}:00.0") for i in range(3)),
)
TWO = CudaDriver(
    init_code=0,
    device_count=2,
    devices=tuple(CudaDevice(ordinal=i, pci_bus_id=f"0000:0{b}:00.0") for i, b in enumerate((1, 3))),
)


def test_fires_and_names_the_one_that_is_missing() -> None:
    [finding] = judge(fewer_devices, THREE, TWO, PLAIN).findings
    assert finding.title == "NVML counts 3 GPUs, CUDA 2: GPU 1 is missing"
    assert (finding.severity, finding.gpu) == ("warning", 1)


def test_fires_where_it_cannot_be_told_which() -> None:
    [finding] = judge(fewer_devices, THREE, CudaDriver(init_code=0, device_count=2), PLAIN).findings
    assert (finding.title, finding.gpu) == ("NVML counts 3 GPUs, CUDA 2", None)


def test_silent_where_both_agree_or_a_mask_or_a_container_explains_it() -> None:
    assert judge(fewer_devices, NVML, CUDA, PLAIN).findings == ()
    assert judge(fewer_devices, THREE, TWO, Environment(variables={"CUDA_VISIBLE_DEVICES": "0,2"})).findings == ()
    assert judge(fewer_devices, THREE, TWO, PLAIN, DOCKER).findings == ()
    assert judge(fewer_devices, THREE, CudaDriver(init_code=999, device_count=0), PLAIN).findings == ()


@pytest.mark.parametrize(
    "card",
    [
        NvmlGpu(index=1, mig_mode=1),
        NvmlGpu(index=1, error=15),
        NvmlGpu(index=1, compute_capability="3.5"),
        NvmlGpu(index=1, compute_mode=2),
        NvmlGpu(index=1, processes=(NvmlProcess(pid=7, name="nvidia-cuda-mps-server"),)),
    ],
)
def test_silent_where_the_card_explains_it(card: NvmlGpu) -> None:
    odd = msgspec.structs.replace(THREE, gpus=(THREE.gpus[0], card, THREE.gpus[2]))
    assert judge(fewer_devices, odd, TWO, PLAIN).findings == ()
