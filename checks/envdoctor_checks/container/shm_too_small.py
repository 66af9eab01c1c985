"""container.shm-too-small"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import in_container
from envdoctor.diagnose.said import confidence_of, pointing_at, quoted
from envdoctor.facts import Container, Message, Messages, Resources
from envdoctor.knowledge.messages import message

MIB = 1 << 20
DOCKER_DEFAULT = 64 * MIB
"""Docker gives a container 64 MiB unless `--shm-size` says otherwise (docs.docker.com, "docker run")."""
UNUSABLE = MIB
SAID = (
    *("nccl-shm-extend", "torch-dataloader-shm", "torch-worker-bus-error", "nccl-posix-fallocate", "nccl-shm-segment"),
    *("torch-worker-killed", "bus-error-physical-address"),
)
ID = "container.shm-too-small"
MAY_BE = ("os-no-space", "os-bus-error", "loader-worker-exited")
"""Of the disk, or of /dev/shm, which is small enough to be it; the worker of a loader, whatever it died of."""


@check(
    "container.shm-too-small",
    fields=("resources.shm_total_bytes|messages.messages",),
    explains=("nccl.transport", "code.data-loading"),
)
def shm_too_small(
    resources: Resources | None, container: Container | None, messages: Messages | None
) -> Iterator[Finding]:
    """/dev/shm is too small for data loaders with workers, or for NCCL.

    What it means:
    DataLoader workers hand batches over through /dev/shm, and NCCL connects GPUs of one machine through it. Docker gives a container 64 MiB.
    When it is full, workers die of "Bus error" and NCCL of "unhandled system error".

    How to confirm it by hand:
    `df -h /dev/shm`.

    Ways out:
    Start the container with `--shm-size=8g` or `--ipc=host`; in Kubernetes mount an emptyDir with `medium: Memory` at /dev/shm. Without either:
    `num_workers=0`, or `torch.multiprocessing.set_sharing_strategy("file_system")`.

    Often mistaken for:
    A crash of torch or NCCL.
    """
    said = next((m for key in SAID if messages is not None and (m := messages.has(key)) is not None), None)
    size = resources.shm_total_bytes if resources is not None else None
    if said is None and size is not None and size <= DOCKER_DEFAULT and messages is not None:
        said = _fits(messages)
    tiny = size is not None and size < UNUSABLE
    small = size is not None and size <= DOCKER_DEFAULT and in_container(container)
    if not tiny and said is None and not small:
        return
    what = "data loaders with workers and NCCL need more"
    shown = (
        "absent"
        if size == 0
        else f"{size // 1024} KiB"
        if size is not None and size < MIB
        else f"{(size or 0) // MIB} MiB"
    )
    title = (
        f"/dev/shm is {shown}; {what}"
        if size is not None
        else f"A program ran out of /dev/shm: {quoted(said, 70) if said else ''}"
    )
    yield Finding(
        title=title,
        severity="error"
        if said is not None or (tiny and size != 0)
        else "warning"
        if tiny
        else "info",  # Docker's default harms only some programs
        detail="Workers die of 'Bus error', NCCL of 'unhandled system error', once it is full.",
        evidence=(
            *((resources.says("shm_total_bytes"),) if resources is not None and size is not None else ()),
            *((messages.says("messages", said.text),) if messages is not None and said is not None else ()),
        ),
        fix=(_fix(container),),
        confidence="likely" if tiny or (said is not None and said.key not in SAID) else "certain",
    )


def _fits(messages: Messages) -> Message | None:
    """What a program said that a full /dev/shm explains, where nothing explains it better: of the disk, of NCCL, or of a worker that died."""
    if any(confidence_of(said) != "possible" for said in pointing_at(messages, "nccl.transport")):
        return None
    for said in messages.messages:
        row = message(said.key)
        if row is not None and (said.key in MAY_BE or ID in (row.cause, *row.also)):
            return said
    return None


def _fix(container: Container | None) -> Fix:
    engine = container.engine if container is not None else None
    if engine == "kubernetes":
        return Fix("Mount an emptyDir with medium: Memory at /dev/shm in the pod's spec")
    if engine == "none":
        return Fix("Make it larger", "sudo mount -o remount,size=8G /dev/shm")
    return Fix("Start the container with more", "docker run --shm-size=8g --gpus all IMAGE")
