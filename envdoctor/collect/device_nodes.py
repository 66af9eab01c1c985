"""The device nodes that the GPU needs, and whether this user may open them."""

from __future__ import annotations

import grp
import pwd
import stat

import msgspec

from envdoctor.collect.api import collector
from envdoctor.collect.host import CannotLook, Host
from envdoctor.collect.interpreter import choose_interpreter
from envdoctor.facts import DeviceNode, DeviceNodes

ALWAYS = ("/dev/nvidiactl", "/dev/nvidia-uvm")
PATTERNS = (
    "/dev/nvidia[0-9]*",
    "/dev/nvidia-uvm-tools",
    "/dev/nvidia-modeset",
    "/dev/nvidia-nvswitch*",
    "/dev/nvidia-caps/*",
    "/dev/dxg",
    "/dev/nvmap",
    "/dev/nvhost-gpu",
    "/dev/nvhost-ctrl-gpu",
    "/dev/kfd",
)
OPENED = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia", "/dev/dxg", "/dev/kfd", "/dev/nvmap", "/dev/nvhost-gpu")
"""Only these are opened: the switches and capabilities are no business of an ordinary user."""


@collector
def device_nodes(host: Host) -> DeviceNodes:
    """/dev/nvidiactl, /dev/nvidia-uvm and what else is there, each opened once (in a child: that can block) and closed again."""
    host.list("/dev")
    paths = list(dict.fromkeys((*ALWAYS, *(path for pattern in PATTERNS for path in host.glob(pattern)))))
    nodes = [_node(host, path) for path in paths]
    errors = _open(host, [node.path for node in nodes if node.exists and _is_opened(node.path)])
    return DeviceNodes(nodes=tuple(_with_error(node, errors) for node in nodes))


def _is_opened(path: str) -> bool:
    return path in OPENED or path.removeprefix("/dev/nvidia").isdigit()


def _node(host: Host, path: str) -> DeviceNode:
    try:
        found = host.stat(path)
    except FileNotFoundError:
        return DeviceNode(path=path, exists=False, sources={"exists": path})
    except OSError:
        return DeviceNode(path=path)
    return DeviceNode(
        path=path,
        exists=True,
        mode=stat.filemode(found.st_mode),
        owner=_owner(found.st_uid),
        group=_group(found.st_gid),
        sources=dict.fromkeys(("exists", "mode", "owner", "group"), f"stat {path}") | {"error": f"open {path}"},
    )


def _owner(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _open(host: Host, paths: list[str]) -> dict[str, str | None]:
    """The errno name of opening each (None: it opened); a path is left out where nobody could try."""
    if not paths or not host.live:
        return {}
    python = None
    if host.run_as is not None:  # root may open what the examined process's user may not
        try:
            python = choose_interpreter(host)[0]
        except CannotLook:
            return {}
    result = host.child("open_nodes.py", paths, python=python, isolated=True)
    answers = {line["stage"]: line["error"] for line in result.stages if line["event"] == "leave"}
    if not answers and result.outcome != "exited":
        raise CannotLook("timeout", f"opening {result.stage} did not return", stage=result.stage)
    return answers


def _with_error(node: DeviceNode, errors: dict[str, str | None]) -> DeviceNode:
    if node.path not in errors:
        return node
    error = errors[node.path]
    return msgspec.structs.replace(node, openable=error is None, error=error)
