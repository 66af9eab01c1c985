from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Message, Messages, Nvml
from envdoctor_checks.container.devices_lost import devices_lost
from healthy import CUDA, CUDA_FAILS, DOCKER, NODES, NVML, OUTSIDE, nodes

UNKNOWN = Nvml(init_code=999)


def test_fires_where_the_device_cgroup_says_no() -> None:
    denied = nodes("nvidiactl", "nvidia0", "nvidia-uvm", error="EPERM")
    [finding] = judge(devices_lost, DOCKER, denied, UNKNOWN, CUDA_FAILS).findings
    assert finding.title == "/dev/nvidiactl exists, and opening it fails with EPERM: the device cgroup forbids it"
    assert finding.confidence == "certain"


def test_fires_on_the_codes() -> None:
    [finding] = judge(devices_lost, DOCKER, NODES, UNKNOWN, CUDA_FAILS).findings
    assert finding.title == "The driver's libraries are in the container; NVML returns 999 and cuInit 100"


def test_fires_on_what_nvidia_smi_says() -> None:
    said = Messages(messages=(Message(key="nvml-unknown-error", text="Failed to initialize NVML: Unknown Error"),))
    assert len(judge(devices_lost, said).findings) == 1


def test_silent_outside_where_cuda_works_and_with_another_code() -> None:
    assert judge(devices_lost, OUTSIDE, NODES, UNKNOWN, CUDA_FAILS).findings == ()
    assert judge(devices_lost, DOCKER, NODES, UNKNOWN, CUDA).findings == ()
    assert judge(devices_lost, DOCKER, NODES, NVML, CUDA_FAILS).findings == ()
    assert judge(devices_lost, DOCKER, nodes("nvidiactl", error="EACCES"), Nvml(init_code=4), CUDA_FAILS).findings == ()
