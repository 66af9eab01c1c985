"""Containers: the commands that started them, and whether they asked for a GPU."""

from __future__ import annotations

import re
from collections.abc import Sequence

from envdoctor.facts import Container, Resources
from envdoctor.read.lines import Line
from envdoctor.read.notebook import Notebook

RUN = re.compile(r"\b(?P<engine>docker|podman|nerdctl)\s+(?:container\s+)?(?:run|create)\b(?P<rest>.*)")
ASKS = re.compile(
    r"--gpus\b|--device[= ]\S*(?:nvidia|dri|kfd)|--runtime[= ]nvidia|--hooks-dir|NVIDIA_VISIBLE_DEVICES=|--privileged\b"
)
BARE = re.compile(r"\b(?:singularity|apptainer)\s+(?:-\S+\s+)*(?:exec|run|shell)\s+(?P<rest>\S.*)")
BARE_ASKS = re.compile(r"--(?:nv|nvccli|rocm)\b|NV=1")
"""Apptainer's: it takes the host's driver along only where it is told to."""
CAPABILITIES = re.compile(r"--gpus[= ]\S*capabilities=(?P<list>[a-z0-9,]+)")
BUILD = re.compile(
    r"^Step \d+/\d+ : RUN\b|^(?:#\d+ | ?=> )?(?:ERROR )?(?:=> )?(?:ERROR )?\[[\w -]*\d+/\d+\] RUN\b|The command '/bin/(?:ba)?sh -c .+returned a non-zero"
)
"""`docker build`: a step of it never has a GPU."""
PROMPT = re.compile(r"^\s*(?:\(\w+\) )?root@[0-9a-f]{12}:\S*#")
"""Docker calls a container by twelve hex digits."""
WITHIN = re.compile(
    r"\b(?:in|inside|within|from) (?:of )?(?:the|a|my|this|our) (?:running )?(?:docker )?container\b", re.IGNORECASE
)
WELL = re.compile(r"\b(?:works?|working|fine|ok|okay|outside|not|without|True)\b", re.IGNORECASE)
COMPOSE = re.compile(r"^services:\s*$")
IMAGE = re.compile(r"^\s+image:\s*\S")
COMPOSE_ASKS = re.compile(
    r"driver:\s*nvidia|capabilities:\s*\[+\s*['\"]?gpu|runtime:\s*nvidia|nvidia\.com/gpu(?:=all|(?:\.shared)?[\"']?\s*[:=]\s*[\"']?\d)"
)
NODES_LIST = re.compile(r"^(?:Capacity|Allocatable|Allocated resources):\s*$")
NODES_OWN = re.compile(r"\b(?:allocatable|capacity)\b|\"pods\":")
"""What a node has is not what a pod asked for."""
POD = re.compile(
    r"\bkubectl\s+(?:-\S+\s+\S+\s+)?(?:logs|exec|get|describe|apply|create|run)\b|\bnvidia-device-plugin\b"
    r"|^\s*kind:\s*(?:Pod|Deployment|Job)\b|\bkubernetes\.io/"
    r"|\b(?:in|on|into|inside) (?:(?:a|the|my) pod|[Kk]ubernetes|k8s)\b"
)
POD_WORDS = ("kubectl", "nvidia-device-plugin", "kind:", "ubernetes", " pod", " k8s")
STARTED = re.compile(
    r"^\s*(?:Creating|Recreating|Starting) \S+ \.{3}(?: (?:done|error))?\s*$|^\s*(?:✔ )?Container \S+\s+(?:Created|Started|Running|Recreated)\b"
)
"""What Compose says of each service."""
LXC = re.compile(r"\bLX[CD]\b|\blx[cd] (?:exec|config|launch|profile|info)\b")
SHM = re.compile(r"--shm-size[= ][\"']?(?P<size>\d{1,15})(?P<unit>[kmgKMG])?|--ipc[= ]host|/dev/shm")
UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
DEFAULT_SHM = 64 << 20
"""Bytes that a container's /dev/shm has where the command does not say (docs.docker.com, "docker run")."""


VARIABLE = re.compile(
    r"\b(?P<name>NVIDIA_(?:DRIVER_CAPABILITIES|VISIBLE_DEVICES|REQUIRE_CUDA))\s*[=:]\s*[\"']?(?P<value>[\w,.>= -]*[\w,])"
)
FIELDS = {
    "NVIDIA_DRIVER_CAPABILITIES": "driver_capabilities",
    "NVIDIA_VISIBLE_DEVICES": "visible_devices",
    "NVIDIA_REQUIRE_CUDA": "require_cuda",
}


def read_container(lines: Sequence[Line], notes: Notebook) -> None:
    """Note the engine, and whether the last command that started a container asked for a GPU."""
    compose = 0
    of_node = False
    by_command = False
    for number, text in lines:
        compose = number if COMPOSE.match(text) else compose
        of_node = bool(NODES_LIST.match(text)) or (of_node and text.startswith(" "))
        if compose and IMAGE.match(text):  # until a line asks for one, this file asks for no GPU
            notes.note(Container, "engine", "docker compose", number, keep=True)
            notes.note(Container, "gpus_requested", False, number, keep=True)
        _named_engine(notes, text, number)
        if "DeviceRequests" in text and re.search(r'"DeviceRequests":\s*null', text):
            notes.note(Container, "gpus_requested", False, number)
        for variable in VARIABLE.finditer(text) if "NVIDIA_" in text else ():
            notes.note(Container, FIELDS[variable["name"]], variable["value"], number)
        if any(word in text for word in POD_WORDS) and POD.search(text):
            notes.saw("Kubernetes", number)
            notes.values.get(Container, {}).pop("engine", None)
            notes.note(Container, "engine", "kubernetes", number)
            if by_command:  # that was another container
                del notes.values[Container]["gpus_requested"]
                by_command = False
        run = RUN.search(text) if "run" in text or "create" in text else None
        if run is None:
            if COMPOSE_ASKS.search(text) and not of_node and NODES_OWN.search(text) is None:
                notes.note(Container, "gpus_requested", True, number)
            continue
        notes.saw(f"{run['engine']} run", number)
        if notes.get(Container, "engine") == "kubernetes":
            continue
        notes.note(Container, "engine", run["engine"], number)
        if len(run["rest"].split()) >= 2:  # a whole command, not a mention of one
            _options(notes, run["rest"], number)
            by_command = True


def _named_engine(notes: Notebook, text: str, number: int) -> None:
    """An engine that is told by other signs than the command that starts a container."""
    if LXC.search(text):
        notes.saw("LXC", number)
        notes.note(Container, "engine", "lxc", number, keep=True)
    if STARTED.match(text):
        notes.saw("docker compose", number)
        notes.note(Container, "engine", "docker compose", number, keep=True)
    bare = BARE.search(text) if "exec" in text or "run" in text or "shell" in text else None
    if bare is not None:
        notes.saw("Apptainer", number)
        notes.note(Container, "engine", "apptainer", number)
        notes.note(Container, "gpus_requested", bool(BARE_ASKS.search(text)), number)
    elif "RUN" in text or "non-zero code" in text:
        if BUILD.search(text):
            notes.saw("docker build", number)
            notes.note(Container, "engine", "docker", number, keep=True)
            notes.note(Container, "gpus_requested", False, number, keep=True)
    elif PROMPT.match(text) or _tells_of_one(text):
        notes.note(Container, "engine", "docker", number, keep=True)


def _options(notes: Notebook, options: str, number: int) -> None:
    """What a command gives the container that it starts."""
    _shared_memory(notes, options, number)
    listed = CAPABILITIES.search(options)
    if listed is not None:
        notes.note(Container, "driver_capabilities", listed["list"].strip(","), number)
    notes.note(Container, "gpus_requested", bool(ASKS.search(options)), number)


def _tells_of_one(text: str) -> bool:
    """Whether a line says that what it tells happened in a container, and not that all is well there."""
    return (
        "container" in text and WITHIN.search(text) is not None and WELL.search(text.partition("container")[0]) is None
    )


def _shared_memory(notes: Notebook, options: str, number: int) -> None:
    """The size of /dev/shm that a command gives its container, the engine's default where it names none."""
    told = SHM.search(options)
    if told is None:
        notes.note(Resources, "shm_total_bytes", DEFAULT_SHM, number, keep=True)
    elif told["size"]:
        notes.note(Resources, "shm_total_bytes", int(told["size"]) * UNITS[(told["unit"] or "").lower()], number)
