from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Message, Messages, Nvml
from envdoctor_checks.driver.device_permission import device_permission
from healthy import CUDA, CUDA_FAILS, NODES, NVML, UBUNTU, nodes

BARRED = nodes("nvidiactl", "nvidia0", "nvidia-uvm", error="EACCES", mode="crw-rw----", group="video")
NO_PERMISSION = Nvml(init_code=4)


def test_fires_and_names_mode_owner_and_user() -> None:
    [finding] = judge(device_permission, BARRED, NO_PERMISSION, CUDA_FAILS, UBUNTU).findings
    assert finding.title == "/dev/nvidiactl is crw-rw---- root:video; user ada may not open it"
    assert finding.fix[0].command == "sudo usermod -aG video ada"


def test_fires_on_nvml_4_alone_as_a_report_gives_it() -> None:
    [finding] = judge(device_permission, NO_PERMISSION).findings
    assert finding.title == "NVML says that this user lacks permission (4)"


def test_fires_on_the_message() -> None:
    said = Messages(
        messages=(Message(key="nvml-no-permission", text="Failed to initialize NVML: Insufficient Permissions"),)
    )
    assert len(judge(device_permission, said).findings) == 1


def test_silent_on_a_healthy_machine_and_where_cuda_works() -> None:
    assert judge(device_permission, NODES, NVML, CUDA, UBUNTU).findings == ()
    assert judge(device_permission, BARRED, CUDA).findings == ()


def test_silent_where_the_device_cgroup_says_no() -> None:
    assert judge(device_permission, nodes("nvidiactl", "nvidia0", error="EPERM"), NO_PERMISSION).findings == ()
