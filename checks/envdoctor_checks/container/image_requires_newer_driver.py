"""container.image-requires-newer-driver"""

from __future__ import annotations

import re
from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.driver_remedy import install_driver
from envdoctor.diagnose.predicates import cuda_works, dotted, driver_cuda, torch_cuda
from envdoctor.facts import Container, CudaDriver, Evidence, Messages, Nvml, System, TorchInstall, TorchRuntime
from envdoctor.knowledge.drivers import driver_for_cuda, runs_cuda, version_key

REQUIRED = re.compile(r"cuda\s*>=\s*(\d+)\.(\d+)")
SAID = ("container-requires-cuda", "container-requires-brand")


@check(
    "container.image-requires-newer-driver",
    fields=("container.require_cuda|container.runtime_error|messages.messages",),
    explains=("container.toolkit-missing", "container.gpu-not-passed"),
)
def image_requires_newer_driver(
    container: Container | None,
    nvml: Nvml | None,
    cuda_driver: CudaDriver | None,
    torch_runtime: TorchRuntime | None,
    messages: Messages | None,
    system: System | None,
    torch_install: TorchInstall | None,
) -> Iterator[Finding]:
    """The image demands a newer CUDA than the host's driver runs.

    What it means:
    CUDA images carry NVIDIA_REQUIRE_CUDA, such as `cuda>=12.4`. The runtime refuses to start them on a driver that runs less ("unsatisfied
    condition"), unless the image names the driver as one on which it works by forward compatibility.

    How to confirm it by hand:
    `docker inspect --format '{{.Config.Env}}' IMAGE` against the "CUDA Version" that nvidia-smi shows on the host.

    Ways out:
    Update the host's driver, or take an image built for a lower CUDA. `NVIDIA_DISABLE_REQUIRE=1` skips the question, not the problem.

    Often mistaken for:
    A broken toolkit, because the container does not start.
    """
    said = next((m for key in SAID if messages is not None and (m := messages.has(key)) is not None), None)
    error = container.runtime_error if container is not None else None
    if said is None and error and "unsatisfied condition" in error:
        text: str | None = error
    else:
        text = said.text if said is not None else None
    demand = text or (container.require_cuda if container is not None else None) or ""
    wanted = REQUIRED.search(demand)
    version = driver_cuda(cuda_driver, nvml)
    if text is None and (
        wanted is None
        or version is None
        or _met(demand, version)
        or _runs(version, f"{wanted[1]}.{wanted[2]}", cuda_driver, torch_runtime, torch_install)
    ):
        return
    need = f"{wanted[1]}.{wanted[2]}" if wanted else "newer"
    has = f"the driver runs CUDA {dotted(version)}" if version else "the host's driver does not meet it"
    at_least = driver_for_cuda(int(wanted[1]), int(wanted[2])) if wanted else None
    source = messages.source("messages") if said is not None and messages is not None else "NVIDIA_REQUIRE_CUDA"
    yield Finding(
        title=f"The image requires CUDA >= {need}; {has}"
        if wanted
        else f"The image's requirement is not met: {demand.strip()}",
        evidence=(Evidence(source, demand),),
        fix=(
            install_driver(system, at_least=at_least, container=container),
            Fix(
                f"Or use an image built for CUDA {dotted(version)} or lower"
                if version
                else "Or use an image built for a lower CUDA"
            ),
        ),
    )


def _runs(
    version: int, wanted: str, cuda: CudaDriver | None, runtime: TorchRuntime | None, install: TorchInstall | None
) -> bool:
    """Whether CUDA works all the same, by minor-version or forward compatibility: as torch was seen to start it, else by its build."""
    stage = runtime.stage("cuda-init") if runtime is not None else None
    if not cuda_works(cuda, runtime) or stage is not None:
        return cuda_works(cuda, runtime) and stage is not None and stage.status == "ok"
    build = (
        torch_cuda(install, runtime) or wanted
    )  # a build for the processor asks for nothing: then the image's word counts
    major, minor = (*version_key(build), 0)[:2]
    return runs_cuda((version // 1000, version % 1000 // 10), (major, minor))


def _met(demand: str, version: int) -> bool:
    """Whether one of the alternatives (parted by blanks) holds: all its conditions on cuda do, and it asks for nothing that we cannot tell.

    An alternative that names a brand and a driver range is for forward compatibility on data-centre cards; it counts as met, since
    whether this card is one cannot be told here.
    """
    alternatives = demand.split()
    for alternative in alternatives:
        conditions = alternative.split(",")
        lowest = [REQUIRED.fullmatch(condition.strip()) for condition in conditions]
        if any(match is not None and version >= int(match[1]) * 1000 + int(match[2]) * 10 for match in lowest):
            return True
        if any(condition.startswith("driver>=") for condition in conditions):
            return True
    return False
