"""A running process, watched for some seconds: who it is, and what its threads and those that it started do."""

from __future__ import annotations

import collections
import os
import re
import time
from collections.abc import Iterator

from envdoctor.collect.api import collector
from envdoctor.collect.host import CannotLook, Host
from envdoctor.collect.proc import Stat, age, command_of, has_own_files, read_stat, seconds, status_of, user_name
from envdoctor.collect.resources import Cgroup
from envdoctor.facts import Process, ProcessRelative, ProcessThread, is_gpu_node

STEP = 0.2
"""Seconds between two looks at what state the threads are in."""
MOST = 64
"""Threads and children that are told; of more, those that use the processor most."""
DRIVER_CALL = re.compile(r"\] (?P<function>\w[\w.]*)\+\S+ \[(?P<module>nvidia\w*)\]")
WORLD = ("WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_NTASKS")
"""Variables in which launchers say how many ranks there are."""
TORCH = re.compile(r"/libtorch\w*\.so")


@collector(when="with --pid")
def process(host: Host) -> Process:
    """/proc of the process at the beginning and at the end of some seconds, and its threads' states in between."""
    pid = host.request.pid
    assert pid is not None
    first = read_stat(host, f"/proc/{pid}")
    if first is None:
        raise CannotLook("absent", f"process {pid} has ended")
    status, group = status_of(host, pid), Cgroup(host)
    before = group.stat("nr_periods"), group.stat("nr_throttled")
    command, container = command_of(host, pid), has_own_files(host, pid)
    watch = Watch(host, pid, first)
    watched = watch.run(host.request.watch_seconds)
    periods, throttled = (
        None if new is None or old is None else new - old
        for new, old in zip((group.stat("nr_periods"), group.stat("nr_throttled")), before, strict=True)
    )
    last = watch.last
    uid = _second(status.get("Uid"))
    return Process(
        pid=pid,
        name=first.name,
        command=command,
        uid=uid,
        user=user_name(uid) if uid is not None else None,
        foreign=uid is not None and uid != os.geteuid(),
        state=last.state if last is not None else first.state,
        age_seconds=round(age(first), 1),
        pid_inside=_inside(status.get("NSpid")),
        container=container,
        cgroup=group.paths.get("", group.paths.get("cpu")),
        cpu_quota=group.quota(),
        throttled_periods=throttled,
        periods=periods,
        affinity_cpus=_affinity(pid),
        ranks=_ranks(host),
        memory_bytes=_kib(status.get("VmRSS")),
        watched_seconds=round(watched, 2),
        cpu=_rate(first, last),
        threads=watch.threads(),
        thread_count=int(status["Threads"]) if status.get("Threads", "").isdigit() else None,
        parent=watch.relative(first.parent) if first.parent > 1 else None,
        children=watch.children(),
        ended=last is None,
        sources=_sources(pid, watched),
    )


def _sources(pid: int, watched: float) -> dict[str, str]:
    while_watched = f"/proc/{pid}/stat over {watched:.1f} s"
    tasks = f"/proc/{pid}/task over {watched:.1f} s"
    return {
        "cpu": while_watched,
        "threads": tasks,
        "children": f"/proc/*/stat over {watched:.1f} s",
        "state": f"/proc/{pid}/stat",
        "age_seconds": f"/proc/{pid}/stat (start time)",
        "command": f"/proc/{pid}/cmdline",
        "uid": f"/proc/{pid}/status",
        "affinity_cpus": f"sched_getaffinity({pid})",
        "throttled_periods": f"cpu.stat of its cgroup over {watched:.1f} s",
    }


def _second(text: str | None) -> int | None:
    """The effective of real, effective, saved and file system id."""
    words = (text or "").split()
    return int(words[1]) if len(words) > 1 else None


def _inside(text: str | None) -> int | None:
    words = (text or "").split()
    return int(words[-1]) if len(words) > 1 else None


def _kib(text: str | None) -> int | None:
    words = (text or "").split()
    return int(words[0]) * 1024 if words and words[0].isdigit() else None


def _affinity(pid: int) -> int | None:
    try:
        return len(os.sched_getaffinity(pid))
    except OSError:
        return None


def _ranks(host: Host) -> int | None:
    numbers = [host.environ.get(name, "") for name in WORLD]
    return next((int(number) for number in numbers if number.isdigit()), None)


def _rate(first: Stat, last: Stat | None) -> float | None:
    """Processors that were used between two looks."""
    if last is None or last.at <= first.at:
        return None
    return round(seconds(last.ticks - first.ticks) / (last.at - first.at), 3)


def _wanted(first: Stat, last: Stat | None) -> float | None:
    """And that were waited for."""
    used = _rate(first, last)
    if used is None or last is None or first.waited is None or last.waited is None:
        return used
    return round(used + (last.waited - first.waited) / 1e9 / (last.at - first.at), 3)


class Watch:
    """The process's threads and relatives, from a first look to a last."""

    def __init__(self, host: Host, pid: int, first: Stat) -> None:
        self.host, self.pid, self.first = host, pid, first
        self.last: Stat | None = first
        self.began = self._tasks()
        self.relatives = self._family()
        self.states: dict[int, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        self.channels: dict[int, collections.Counter[str]] = collections.defaultdict(collections.Counter)

    def _tasks(self) -> dict[int, Stat]:
        folder = f"/proc/{self.pid}/task"
        try:
            tids = [int(name) for name in self.host.list(folder)]
        except OSError:
            return {}
        return {tid: stat for tid in tids if (stat := read_stat(self.host, f"{folder}/{tid}")) is not None}

    def _family(self) -> dict[int, Stat]:
        """The parent, and all descendants (but for us, and who works for us), in one pass over /proc."""
        everyone = {}
        for name in self.host.list("/proc"):
            if name.isdigit() and (stat := read_stat(self.host, f"/proc/{name}")) is not None:
                everyone[int(name)] = stat
        family = {self.pid}
        grown = True
        while grown:
            more = {pid for pid, stat in everyone.items() if stat.parent in family} - family - {os.getpid()}
            family |= more
            grown = bool(more)
        return {pid: stat for pid, stat in everyone.items() if pid in family or pid == self.first.parent}

    def run(self, length: float) -> float:
        """Watch for `length` seconds, or until it ends or the user interrupts. The seconds that it took."""
        begun = time.monotonic()
        while True:
            self._look()
            left = begun + length - time.monotonic()
            if self.last is None or left <= 0 or self.host.interrupted:
                break
            time.sleep(min(STEP, left))
        self.ended = self._tasks()
        return time.monotonic() - begun

    def _look(self) -> None:
        now = read_stat(self.host, f"/proc/{self.pid}")
        self.last = now if now is not None and now.started == self.first.started else None
        if self.last is not None and self.last.state in "ZX" and self.first.state not in "ZX":
            self.last = None  # it ended while we watched, and waits to be collected
        for pid in [pid for pid in self.relatives if pid != self.pid][:MOST]:
            child = read_stat(self.host, f"/proc/{pid}")
            if child is not None:
                self.states[pid][child.state] += 1
        for tid in [self.pid, *self.began][: MOST * 2]:
            stat = read_stat(self.host, f"/proc/{self.pid}/task/{tid}")
            if stat is None:
                continue
            self.states[tid][stat.state] += 1
            channel = self._in_driver(tid) if stat.state == "D" else None
            channel = channel or (self._channel(tid) if stat.state in "SD" else None)
            if channel:
                self.channels[tid][channel] += 1

    def _channel(self, tid: int) -> str | None:
        try:
            text = self.host.read(f"/proc/{self.pid}/task/{tid}/wchan", 256).strip("\0 \n")
        except OSError:
            return None
        return text if text not in ("", "0") else None

    def _in_driver(self, tid: int) -> str | None:
        """The NVIDIA driver's function on the thread's kernel stack (for root only): the wait itself is in a lock of the kernel's."""
        try:
            found = DRIVER_CALL.search(self.host.read(f"/proc/{self.pid}/task/{tid}/stack", 16384))
        except OSError:
            return None
        return f"{found['function']} [{found['module']}]" if found else None

    def threads(self) -> tuple[ProcessThread, ...]:
        """The main thread, then those that used the processor most."""
        found = []
        for tid, first in self.began.items():
            states, channels = self.states[tid], self.channels[tid]
            found.append(
                ProcessThread(
                    tid=tid,
                    name=self.ended[tid].name if tid in self.ended else first.name,
                    state=states.most_common(1)[0][0] if states else first.state,
                    always_in_state=len(states) == 1,
                    wait_channel=channels.most_common(1)[0][0] if channels else None,
                    cpu=_rate(first, self.ended.get(tid)),
                    wanted=_wanted(first, self.ended.get(tid)),
                )
            )
        found.sort(key=lambda thread: (thread.tid != self.pid, -(thread.wanted or thread.cpu or 0.0)))
        return tuple(found[:MOST])

    def children(self) -> tuple[ProcessRelative, ...]:
        """All that it started, and that those started; the busiest first."""
        ticks = {pid: self._since(pid) for pid in self.relatives if pid not in (self.pid, self.first.parent)}
        busiest = sorted(ticks, key=lambda pid: -ticks[pid])[:MOST]
        return tuple(found for pid in busiest if (found := self.relative(pid)) is not None)

    def _since(self, pid: int) -> int:
        last = read_stat(self.host, f"/proc/{pid}")
        return last.ticks - self.relatives[pid].ticks if last is not None else 0

    def relative(self, pid: int) -> ProcessRelative | None:
        """One of the family; None: it has ended."""
        first, last = self.relatives.get(pid), read_stat(self.host, f"/proc/{pid}")
        if first is None or last is None or last.started != first.started:
            return None
        states = self.states[pid]
        return ProcessRelative(
            pid=pid,
            name=last.name,
            command=command_of(self.host, pid),
            state=last.state,
            cpu=_rate(first, last),
            wanted=_wanted(first, last),
            blocked=round(states["D"] / total, 2) if (total := sum(states.values())) else None,
            torch=_has_torch(self.host, pid),
            gpu_nodes=_gpu_nodes(self.host, pid),
        )


def _has_torch(host: Host, pid: int) -> bool | None:
    try:
        return TORCH.search(host.read(f"/proc/{pid}/maps", 8 << 20)) is not None
    except OSError:
        return None


def _gpu_nodes(host: Host, pid: int) -> int | None:
    try:
        return sum(map(is_gpu_node, targets(host, pid)))
    except OSError:
        return None


def targets(host: Host, pid: int) -> Iterator[str]:
    """Where each open descriptor of a process leads."""
    for number in host.list(f"/proc/{pid}/fd"):
        try:
            yield host.link(f"/proc/{pid}/fd/{number}")
        except FileNotFoundError:  # closed meanwhile
            continue
