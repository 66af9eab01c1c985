from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Container, Message, Messages
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
