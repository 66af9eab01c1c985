from __future__ import annotations

import pytest

from envdoctor.diagnose.testing import judge
from envdoctor.facts import CudaDriver, Environment, Message, Messages, Nvml, NvmlGpu
from envdoctor_checks.env.visible_devices import visible_devices

UUIDS = ("GPU-5f3c1d2e-0000", "GPU-6a000000-0000")
NVML = Nvml(
    init_code=0,
    device_count=2,
    gpus=(NvmlGpu(index=0, uuid=UUIDS[0]), NvmlGpu(index=1, uuid=UUIDS[1], mig_uuids=("MIG-11111111-0000",))),
)
HIDDEN = CudaDriver(init_code=100, unmasked_init_code=0, unmasked_device_count=2)


def mask(value: str) -> Environment:
    return Environment(variables={"CUDA_VISIBLE_DEVICES": value})


@pytest.mark.parametrize(
    ("value", "title"),
    [
        ("", "CUDA_VISIBLE_DEVICES='' hides every GPU; this machine has 2"),
        ("-1", "CUDA_VISIBLE_DEVICES=-1 hides every GPU; this machine has 2"),
        ("NoDevFiles", "CUDA_VISIBLE_DEVICES=NoDevFiles hides every GPU; this machine has 2"),
        ("7", "CUDA_VISIBLE_DEVICES=7 names no GPU; this machine has 2"),
        ("GPU-99999999", "CUDA_VISIBLE_DEVICES=GPU-99999999 names no GPU; this machine has 2"),
        ("cuda:0", "CUDA_VISIBLE_DEVICES=cuda:0 names no GPU; this machine has 2"),
        ("0,0", "CUDA_VISIBLE_DEVICES=0,0 names no GPU; this machine has 2"),
    ],
)
def test_fires_where_it_hides_all(value: str, title: str) -> None:
    [finding] = judge(visible_devices, mask(value), NVML, HIDDEN).findings
    assert (finding.title, finding.severity, finding.confidence) == (title, "error", "certain")
    assert finding.fix[0].command == "unset CUDA_VISIBLE_DEVICES"


def test_warns_where_the_list_ends_early() -> None:
    cuda = CudaDriver(init_code=0, device_count=1, unmasked_init_code=0, unmasked_device_count=2)
    [finding] = judge(visible_devices, mask("0,9,1"), NVML, cuda).findings
    assert finding.title == "CUDA_VISIBLE_DEVICES=0,9,1 shows 1 GPU: the list ends at '9'; this machine has 2"
    assert finding.severity == "warning"


def test_is_only_likely_where_nobody_counted() -> None:
    [finding] = judge(visible_devices, mask("")).findings
    assert finding.confidence == "likely"


@pytest.mark.parametrize("value", ["0", "1", "0,1", "1,0", "GPU-5f3c", UUIDS[1], "MIG-11111111-0000"])
def test_silent_where_it_chooses_what_is_there(value: str) -> None:
    assert judge(visible_devices, mask(value), NVML).findings == ()


def test_silent_where_it_is_not_set_or_there_is_no_gpu_to_hide() -> None:
    assert judge(visible_devices, Environment(), NVML).findings == ()
    assert judge(visible_devices, mask("0"), Nvml(device_count=0)).findings == ()


def test_silent_on_numbers_that_nobody_can_check() -> None:
    assert judge(visible_devices, mask("3")).findings == ()


@pytest.mark.parametrize("value", ["GPU-99999999", "MIG-0000"])
def test_fires_without_nvml_where_only_the_mask_hides(value: str) -> None:
    [finding] = judge(visible_devices, mask(value), HIDDEN).findings
    assert finding.title == f"CUDA_VISIBLE_DEVICES={value}, and torch finds no device"
    assert judge(visible_devices, mask(value), CudaDriver(init_code=100, unmasked_init_code=100)).findings == ()


def test_a_report_in_which_cuda_finds_no_device() -> None:
    said = Messages(messages=(Message(key="cuda-error-no-device", text="CUDA_ERROR_NO_DEVICE"),))
    [finding] = judge(visible_devices, mask("1"), said).findings
    assert finding.title == "CUDA_VISIBLE_DEVICES=1, and torch finds no device"
    assert judge(visible_devices, mask("0"), said).findings == ()
