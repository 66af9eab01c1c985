from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Container, Message, Messages, Nvml
from envdoctor_checks.container.toolkit_missing import toolkit_missing
from healthy import DOCKER, UBUNTU

ERROR = 'docker: Error response from daemon: could not select device driver "" with capabilities: [[gpu]].'


def test_fires_on_dockers_words() -> None:
    [finding] = judge(toolkit_missing, Container(runtime_error=ERROR), UBUNTU).findings
    assert finding.title == "Container runtime: could not select device driver; the runtime has no GPU support"
    assert "nvidia-ctk runtime configure" in (finding.fix[0].command or "")


def test_fires_on_a_cdi_device_that_cannot_be_resolved() -> None:
    said = Messages(
        messages=(Message(key="container-unresolvable-cdi", text="unresolvable CDI devices nvidia.com/gpu=all"),)
    )
    [finding] = judge(toolkit_missing, said).findings
    assert finding.fix[0].command == "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"


def test_silent_on_another_error_and_without_any() -> None:
    assert judge(toolkit_missing, Container(runtime_error="no space left on device")).findings == ()
    assert judge(toolkit_missing, Messages()).findings == ()
    assert judge(toolkit_missing, DOCKER).result.status == "skipped"


def test_fires_where_the_hosts_driver_works_and_the_runtime_does_not_find_its_library() -> None:
    text = "nvidia-container-cli: initialization error: load library failed: libnvidia-ml.so.1"
    said = Messages(messages=(Message(key="container-nvml-library-missing", text=text),))
    assert len(judge(toolkit_missing, said, Nvml(init_code=0)).findings) == 1
    assert judge(toolkit_missing, said, Nvml(init_code=12)).findings == ()
