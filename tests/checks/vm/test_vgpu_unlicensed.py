from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Nvml, NvmlGpu, Reading, TorchRuntime
from envdoctor_checks.vm.vgpu_unlicensed import vgpu_unlicensed
from healthy import NVML


def guest(license: str | None, mode: int = 2) -> Nvml:
    return Nvml(gpus=(NvmlGpu(index=0, name="GRID A100-10C", virtualization_mode=mode, vgpu_license=license),))


def test_fires_without_a_licence() -> None:
    [finding] = judge(vgpu_unlicensed, guest("unlicensed")).findings
    assert finding.title == "GPU 0 is a vGPU (GRID A100-10C) and its licence state is unlicensed"
    assert (finding.severity, finding.gpu) == ("warning", 0)


def test_silent_with_a_licence_an_unknown_state_or_a_whole_card() -> None:
    for nvml in (guest("licensed"), guest(None), guest("unlicensed", mode=1), NVML):
        assert judge(vgpu_unlicensed, nvml).findings == ()


def test_a_slice_that_a_report_names_is_suspect_unless_torch_runs_on_it() -> None:
    named = Nvml(gpus=(NvmlGpu(index=0, name="NVIDIA L40S-12C"),))
    [finding] = judge(vgpu_unlicensed, named, Reading(lines=1)).findings
    assert finding.confidence == "possible"
    assert judge(vgpu_unlicensed, named, Reading(lines=1), TorchRuntime(cuda_available=True)).findings == ()
