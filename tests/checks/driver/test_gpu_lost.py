from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import KernelLog, Message, Messages, Nvml, NvmlGpu, XidEvent
from envdoctor_checks.driver.gpu_lost import gpu_lost
from healthy import NVML

XID = XidEvent(code=79, pci="0000:01:00", text="NVRM: Xid (PCI:0000:01:00): 79, GPU has fallen off the bus.")


def test_fires_and_names_the_gpu() -> None:
    nvml = Nvml(init_code=0, device_count=2, gpus=(NvmlGpu(index=0, error=0), NvmlGpu(index=1, error=15)))
    [finding] = judge(gpu_lost, nvml, KernelLog(xids=(XID,))).findings
    assert finding.title == "GPU 1 of 2 is lost (NVML 15); 1 still answer"
    assert finding.gpu == 1
    assert finding.fix[1].command == "export CUDA_VISIBLE_DEVICES=0"


def test_fires_at_init() -> None:
    [finding] = judge(gpu_lost, Nvml(init_code=15)).findings
    assert finding.title == "NVML says a GPU is lost (15)"


def test_fires_from_the_kernel_log_alone() -> None:
    [finding] = judge(gpu_lost, KernelLog(xids=(XID,))).findings
    assert finding.title == "GPU at 0000:01:00 has fallen off the bus (Xid 79)"


def test_fires_on_the_message() -> None:
    said = Messages(
        messages=(Message(key="nvml-gpu-lost", text="GPU is lost.  Reboot the system to recover this GPU"),)
    )
    [finding] = judge(gpu_lost, said).findings
    assert finding.confidence == "likely"


def test_silent_on_a_healthy_machine() -> None:
    assert judge(gpu_lost, NVML, KernelLog()).findings == ()


def test_silent_on_an_old_xid_once_every_gpu_answers() -> None:
    assert judge(gpu_lost, NVML, KernelLog(xids=(XID,))).findings == ()


def test_a_gpu_without_a_handle_is_likely_lost() -> None:
    nvml = Nvml(init_code=0, device_count=1, gpus=(NvmlGpu(index=0, error=999),))
    [finding] = judge(gpu_lost, nvml).findings
    assert finding.title.startswith("GPU 0 of 1 gives no handle (NVML 999)")
    assert finding.confidence == "likely"
