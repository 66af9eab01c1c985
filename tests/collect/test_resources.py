from __future__ import annotations

from pathlib import Path

import pytest

from envdoctor.collect.host import LiveHost
from envdoctor.collect.resources import ranges, resources
from recorded import RecordedHost

V2 = {"/sys/fs/cgroup/cgroup.controllers": "cpu memory\n", "/proc/self/cgroup": "0::/\n"}


def test_a_quota_of_cgroup_2_and_its_throttling(tmp_path: Path) -> None:
    host = RecordedHost(
        tmp_path,
        {
            **V2,
            "/sys/fs/cgroup/cpu.max": "150000 100000\n",
            "/sys/fs/cgroup/cpu.stat": "usage_usec 1\nnr_periods 400\nnr_throttled 120\n",
            "/sys/fs/cgroup/memory.max": "8589934592\n",
        },
    )
    found = resources(host)
    assert (found.cgroup_version, found.cpu_quota, found.periods, found.throttled_periods) == (2, 1.5, 400, 120)
    assert found.memory_limit_bytes == 8 << 30


def test_the_tightest_limit_on_the_way_up_holds(tmp_path: Path) -> None:
    host = RecordedHost(
        tmp_path,
        {
            "/sys/fs/cgroup/cgroup.controllers": "cpu\n",
            "/proc/self/cgroup": "0::/kubepods/pod1/box\n",
            "/sys/fs/cgroup/kubepods/pod1/box/cpu.max": "max 100000\n",
            "/sys/fs/cgroup/kubepods/pod1/cpu.max": "50000 100000\n",
            "/sys/fs/cgroup/kubepods/cpu.max": "400000 100000\n",
        },
    )
    assert resources(host).cpu_quota == 0.5


def test_no_limit_is_known_to_be_none(tmp_path: Path) -> None:
    host = RecordedHost(
        tmp_path, {**V2, "/sys/fs/cgroup/cpu.max": "max 100000\n", "/sys/fs/cgroup/memory.max": "max\n"}
    )
    assert (resources(host).cpu_quota, resources(host).memory_limit_bytes) == ("unlimited", "unlimited")


def test_cgroup_1(tmp_path: Path) -> None:
    files = {
        "/proc/self/cgroup": "4:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n",
        "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000\n",
        "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        "/sys/fs/cgroup/cpu/cpu.stat": "nr_periods 10\nnr_throttled 1\n",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    }
    found = resources(RecordedHost(tmp_path, files))
    assert (found.cgroup_version, found.cpu_quota, found.throttled_periods) == (1, 2.0, 1)
    assert found.memory_limit_bytes == "unlimited"


@pytest.mark.parametrize("text", ["", "garbage\n", "100000\n", "max\n", "\0\0"])
def test_control_files_that_make_no_sense_are_no_limit(tmp_path: Path, text: str) -> None:
    assert resources(RecordedHost(tmp_path, {**V2, "/sys/fs/cgroup/cpu.max": text})).cpu_quota == "unlimited"


@pytest.mark.parametrize("text", ["", "garbage\n", "-1\n"])
def test_the_same_of_cgroup_1(tmp_path: Path, text: str) -> None:
    files = {
        "/proc/self/cgroup": "4:cpu:/\n",
        "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": text,
        "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    }
    assert resources(RecordedHost(tmp_path, files)).cpu_quota == "unlimited"


def test_nothing_to_read_is_unknown(tmp_path: Path) -> None:
    found = resources(RecordedHost(tmp_path))
    assert (found.cgroup_version, found.cpu_quota, found.throttled_periods, found.logical_cpus) == (0, None, None, None)


def test_this_machine() -> None:
    found = resources(LiveHost())
    assert found.logical_cpus is not None
    assert found.affinity_cpus is not None
    assert 0 < found.affinity_cpus <= found.logical_cpus
    assert found.memory_total_bytes is not None


@pytest.mark.parametrize(
    ("cpus", "text"), [((), ""), ((3,), "3"), ((0, 1, 2, 3, 8), "0-3,8"), ((5, 1, 0, 7, 6), "0-1,5-7")]
)
def test_processors_are_written_as_the_kernel_does(cpus: tuple[int, ...], text: str) -> None:
    assert ranges(cpus) == text


def test_numa_nodes_with_their_distances(tmp_path: Path) -> None:
    folder = "/sys/devices/system/node/node"
    files = {
        f"{folder}0/cpulist": "0-31\n",
        f"{folder}0/distance": "10 32\n",
        f"{folder}1/cpulist": "32-63\n",
        f"{folder}1/distance": "32 10\n",
        "/sys/class/infiniband/mlx5_0": None,
    }
    found = resources(RecordedHost(tmp_path, files))
    assert [(node.node, node.cpus, node.distances) for node in found.numa or ()] == [
        (0, "0-31", (10, 32)),
        (1, "32-63", (32, 10)),
    ]
    assert (found.numa_nodes, found.rdma_devices) == (2, ("mlx5_0",))


def test_nodes_that_do_not_add_up_are_unknown(tmp_path: Path) -> None:
    files = {"/sys/devices/system/node/node0/cpulist": "0-3\n", "/sys/devices/system/node/node0/distance": "10 20\n"}
    found = resources(RecordedHost(tmp_path, files))
    assert (found.numa, found.rdma_devices) == (None, ())


def test_our_own_processors_are_listed() -> None:
    assert resources(LiveHost()).affinity
