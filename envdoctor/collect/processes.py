"""Running programs that bear on the GPU."""

from __future__ import annotations

import re
from collections.abc import Iterator

from envdoctor.collect.api import collector
from envdoctor.collect.host import Host
from envdoctor.facts import Jupyter, Processes, StuckProcess

JUPYTER = re.compile(
    r"jupyter[-_](?:lab|notebook|server|nbclassic|hub-singleuser)|jupyter\x00(?:lab|notebook|server)|ipykernel_launcher-server"
)
IN_DRIVER = re.compile(r"^(?:nv_|nvidia|_nv\d+rm|uvm_|os_acquire|rm_)|nvidia")


@collector
def processes(host: Host) -> Processes:
    """One pass over /proc: the fabric manager, the persistence daemon, Jupyter servers, processes stuck in the driver."""
    names: dict[int, str] = {}
    stuck: list[StuckProcess] = []
    jupyter: list[Jupyter] = []
    for pid in (int(name) for name in host.list("/proc") if name.isdigit()):
        stat = _read(host, f"/proc/{pid}/stat")
        name, state = _name_and_state(stat)
        if name is None:
            continue
        names[pid] = name
        if state == "D":
            stuck += _stuck(host, pid, name)
        command = _read(host, f"/proc/{pid}/cmdline") if name.startswith(("jupyter", "python", "node")) else ""
        if JUPYTER.search(command):
            jupyter += list(_jupyter(host, pid, command))
    running = set(names.values())
    return Processes(
        fabric_manager="nv-fabricmanage" in running or "nv-fabricmanager" in running,
        persistence_daemon="nvidia-persiste" in running or "nvidia-persistenced" in running,
        jupyter=tuple(jupyter),
        stuck=tuple(stuck),
    )


def _read(host: Host, path: str) -> str:
    try:
        return host.read(path, 8192)
    except OSError:  # it ended meanwhile, or is another user's
        return ""


def _name_and_state(stat: str) -> tuple[str | None, str]:
    """The command name (15 characters) and the state letter of /proc/<pid>/stat; the name may hold anything, brackets too."""
    begin, end = stat.find("("), stat.rfind(")")
    return (stat[begin + 1 : end], stat[end + 2 : end + 3]) if 0 <= begin < end else (None, "")


def _stuck(host: Host, pid: int, name: str) -> Iterator[StuckProcess]:
    channel = _read(host, f"/proc/{pid}/wchan").strip("\0 \n")
    if IN_DRIVER.search(channel) or (name.startswith("nvidia-smi") and channel):
        yield StuckProcess(pid=pid, name=name, wait_channel=channel, sources={"wait_channel": f"/proc/{pid}/wchan"})


def _jupyter(host: Host, pid: int, command: str) -> Iterator[Jupyter]:
    """A server with the addresses it listens on; psutil reads the sockets of this one process."""
    import psutil

    uid = _uid(_read(host, f"/proc/{pid}/status"))
    try:
        sockets = psutil.Process(pid).net_connections(kind="tcp") if host.live else []
    except (psutil.Error, OSError):
        sockets = []
    listening = [connection.laddr for connection in sockets if connection.status == psutil.CONN_LISTEN]
    text = command.replace("\0", " ").strip()[:300]
    places: list[tuple[str | None, int | None]] = sorted({(place.ip, place.port) for place in listening})
    for address, port in places or [(None, None)]:
        yield Jupyter(
            pid=pid, uid=uid, address=address, port=port, command=text, sources={"address": f"sockets of process {pid}"}
        )


def _uid(status: str) -> int | None:
    match = re.search(r"^Uid:\s+\d+\s+(\d+)", status, re.MULTILINE)
    return int(match[1]) if match else None
