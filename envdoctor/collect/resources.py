"""What the host side may use: processors, memory, limits."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable, Iterator
from typing import Literal

from envdoctor.collect.api import collector
from envdoctor.collect.host import Host
from envdoctor.facts import NumaNode, Resources

NODES = "/sys/devices/system/node/node[0-9]*"
UNLIMITED: Literal["unlimited"] = "unlimited"
Limit = int | Literal["unlimited"] | None


@collector
def resources(host: Host) -> Resources:
    """Processors (all, allowed, paid for by the cgroup), memory, /dev/shm, limits."""
    import psutil

    memory = psutil.virtual_memory() if host.live else None
    total, free = _shm(host, "/dev/shm" if host.request.pid is None else f"/proc/{host.request.pid}/root/dev/shm")
    group = Cgroup(host)
    allowed = _affinity(host.request.pid) if host.live else None
    return Resources(
        logical_cpus=psutil.cpu_count() if host.live else None,
        physical_cores=psutil.cpu_count(logical=False) if host.live else None,
        affinity_cpus=len(allowed) if allowed is not None else None,
        cgroup_version=group.version,
        cpu_quota=group.quota(),
        periods=group.stat("nr_periods"),
        throttled_periods=group.stat("nr_throttled"),
        load_1min=os.getloadavg()[0] if host.live else None,
        memory_total_bytes=memory.total if memory else None,
        memory_available_bytes=memory.available if memory else None,
        memory_limit_bytes=group.memory_limit(),
        shm_total_bytes=total,
        shm_free_bytes=free,
        open_files_limit=_limit(host, resource.RLIMIT_NOFILE),
        locked_memory_limit_bytes=_limit(host, resource.RLIMIT_MEMLOCK),
        affinity=ranges(allowed) if allowed is not None else None,
        numa_nodes=len(host.glob(NODES)) or None,
        numa=_numa(host),
        rdma_devices=_rdma(host),
        sources={
            "cpu_quota": f"cgroup v{group.version} CPU quota",
            "throttled_periods": f"cgroup v{group.version} cpu.stat",
            "affinity_cpus": "sched_getaffinity",
            "affinity": "sched_getaffinity",
            "numa": "/sys/devices/system/node",
            "rdma_devices": "/sys/class/infiniband",
            "shm_total_bytes": "statvfs /dev/shm",
        },
    )


def _affinity(pid: int | None) -> set[int] | None:
    """Processors that the examined process (None: we) may run on; None where it has ended."""
    try:
        return os.sched_getaffinity(pid or 0)
    except OSError:
        return None


def ranges(cpus: Iterable[int]) -> str:
    """``0-3,8`` for 0, 1, 2, 3 and 8, as the kernel writes it."""
    runs: list[list[int]] = []
    for cpu in sorted(cpus):
        if runs and cpu == runs[-1][1] + 1:
            runs[-1][1] = cpu
        else:
            runs.append([cpu, cpu])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def _numa(host: Host) -> tuple[NumaNode, ...] | None:
    """Every NUMA node; None where one of them cannot be read."""
    nodes = sorted(int(path.rpartition("node")[2]) for path in host.glob(NODES))
    found = []
    for node in nodes:
        try:
            folder = f"/sys/devices/system/node/node{node}"
            cpus, distances = host.read(f"{folder}/cpulist").strip(), host.read(f"{folder}/distance").split()
        except OSError:
            return None
        if len(distances) != len(nodes) or not all(text.isdigit() for text in distances):
            return None
        found.append(NumaNode(node=node, cpus=cpus, distances=tuple(map(int, distances))))
    return tuple(found) or None


def _rdma(host: Host) -> tuple[str, ...] | None:
    try:
        return tuple(host.list("/sys/class/infiniband"))
    except FileNotFoundError:
        return ()
    except OSError:
        return None


def _limit(host: Host, number: int) -> Limit:
    if not host.live or host.request.pid is not None:  # our own limits are not the process's
        return None
    soft = resource.getrlimit(number)[0]
    return UNLIMITED if soft == resource.RLIM_INFINITY else soft


def _shm(host: Host, path: str) -> tuple[int | None, int | None]:
    """Size and free space of /dev/shm in bytes; 0, 0: there is none."""
    if not host.live:
        return None, None
    try:
        stat = os.statvfs(path)
    except FileNotFoundError:
        return 0, 0
    except OSError:
        return None, None
    return stat.f_frsize * stat.f_blocks, stat.f_frsize * stat.f_bavail


def _number(text: str) -> int:
    """The number in a control file; 0 for ``max``, -1 ("no limit") and what is none."""
    return int(text) if text.strip().isdigit() else 0


class Cgroup:
    """The control group of this process (with ``--pid``: of that one) and those above it: the tightest limit on the way up holds."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.pid = "self" if host.request.pid is None else str(host.request.pid)
        self.paths = self._paths()
        self.version = self._version()

    def _paths(self) -> dict[str, str]:
        """Controller to path; the unified hierarchy's controller is the empty string."""
        found = {}
        for line in (self._read(f"/proc/{self.pid}/cgroup") or "").splitlines():
            _, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            found.update(dict.fromkeys(controllers.split(","), path))
        return found

    def _version(self) -> int:
        if self._read("/sys/fs/cgroup/cgroup.controllers") is not None:
            return 2
        return 1 if any(name for name in self.paths) else 0

    def _read(self, path: str) -> str | None:
        try:
            return self.host.read(path)
        except OSError:
            return None

    def _files(self, controller: str, name: str) -> Iterator[str]:
        """The texts of one control file, from our group up to the root. In a container the root is what is mounted."""
        root = "/sys/fs/cgroup" if self.version == 2 else f"/sys/fs/cgroup/{controller}"
        path = self.paths.get("" if self.version == 2 else controller, "/").rstrip("/")
        while True:
            text = self._read(f"{root}{path}/{name}")
            if text is not None:
                yield text
            if not path:
                return
            path = path.rpartition("/")[0]

    def quota(self) -> float | Literal["unlimited"] | None:
        """Processors' worth of time; None where nothing could be read."""
        if self.version == 2:
            texts = [text.split() for text in self._files("", "cpu.max")]
            pairs = [(_number(pair[0]), _number(pair[1])) for pair in texts if len(pair) == 2]
        elif self.version == 1:
            files = zip(self._files("cpu", "cpu.cfs_quota_us"), self._files("cpu", "cpu.cfs_period_us"), strict=False)
            pairs = [(_number(quota), _number(period)) for quota, period in files]
        else:
            return None
        return min((quota / period for quota, period in pairs if quota > 0 and period > 0), default=UNLIMITED)

    def stat(self, key: str) -> int | None:
        """One counter of our own group's cpu.stat."""
        for text in self._files("cpu", "cpu.stat"):
            for line in text.splitlines():
                name, _, value = line.partition(" ")
                if name == key and value.strip().isdigit():
                    return int(value)
        return None

    def memory_limit(self) -> int | Literal["unlimited"] | None:
        """Bytes; cgroup v1 writes "no limit" as a number near 2^63."""
        name = "memory.max" if self.version == 2 else "memory.limit_in_bytes"
        if self.version not in (1, 2):
            return None
        limits = [int(text) for text in self._files("memory", name) if text.strip().isdigit()]
        return min((limit for limit in limits if limit < 1 << 60), default=UNLIMITED)
