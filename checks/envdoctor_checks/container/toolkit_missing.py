"""container.toolkit-missing"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import nvml_works
from envdoctor.diagnose.said import pointing_at
from envdoctor.facts import Container, Evidence, Messages, Nvml, System

SAID = ("docker-no-device-driver", "docker-unknown-runtime", "docker-invalid-runtime-name", "container-unresolvable-cdi",
        "container-hook-direct", "k8s-default-runtime", "k8s-toolkit-not-configured", "k8s-incompatible-strategy")  # fmt: skip
TEXTS = (
    "could not select device driver",
    "unknown or invalid runtime name: nvidia",
    "Unknown runtime specified nvidia",
    "unresolvable CDI devices",
)
CONFIGURE = "sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker"
CDI = "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"


@check(
    "container.toolkit-missing",
    fields=("container.runtime_error|messages.messages",),
    explains=("container.gpu-not-passed", "driver.not-installed"),
)
def toolkit_missing(
    container: Container | None, messages: Messages | None, system: System | None, nvml: Nvml | None
) -> Iterator[Finding]:
    """The host's container runtime cannot hand out GPUs: the NVIDIA Container Toolkit is missing or not configured.

    What it means:
    Docker, podman and containerd know nothing of GPUs by themselves. The toolkit adds a runtime (`nvidia`) or CDI specifications; without
    it, or before it was registered with the runtime, asking for a GPU fails before the container starts.

    How to confirm it by hand:
    `nvidia-ctk --version`; `docker info | grep -i runtimes` must list nvidia; `nvidia-ctk cdi list` must list nvidia.com/gpu.

    Ways out:
    Install nvidia-container-toolkit on the host, register it with the runtime, restart the runtime.

    Often mistaken for:
    A missing driver or a wrong image.
    """
    error = container.runtime_error if container is not None else None
    said = next((m for key in SAID if messages is not None and (m := messages.has(key)) is not None), None)
    if (
        said is None and messages is not None and nvml_works(nvml)
    ):  # the host's driver is there, and the runtime does not find it
        said = messages.has("container-nvml-library-missing")
    said = said or next(iter(pointing_at(messages, "container.toolkit-missing")), None)
    text = said.text if said is not None else error
    if text is None or (said is None and not any(part in text for part in TEXTS)):
        return
    cdi = "CDI" in text
    what = "no CDI specification names the GPU" if cdi else "the runtime has no GPU support"
    install = (
        "sudo apt install -y nvidia-container-toolkit && "
        if system is None or system.distribution in (None, "ubuntu", "debian")
        else ""
    )
    source = messages.source("messages") if messages is not None and said is not None else "the container runtime"
    yield Finding(
        title=f"Container runtime: {_head(text)}; {what}",
        detail="The NVIDIA Container Toolkit is absent on the host, or not registered with the runtime.",
        evidence=(Evidence(source, text),),
        fix=(
            Fix("Write the CDI specification on the host", CDI)
            if cdi
            else Fix("Install the toolkit on the host and register it with the runtime", install + CONFIGURE),
        ),
    )


def _head(text: str) -> str:
    return next((part for part in TEXTS if part in text), text.strip())[:60]
