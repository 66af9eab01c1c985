from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Environment, Resources
from envdoctor_checks.host.cpu_quota import cpu_quota
from healthy import BUS, DOCKER, EMPTY_BUS
from measured import with_step, work
from running import process


def test_fires_below_one_processor() -> None:
    [finding] = judge(cpu_quota, Resources(logical_cpus=64, affinity_cpus=64, cpu_quota=0.5), BUS, DOCKER).findings
    assert finding.title == "The cgroup allows 0.5 of 64 processors"
    assert finding.fix[0].command == "docker run --cpus=8 --gpus all IMAGE"


def test_fires_where_it_is_throttled() -> None:
    resources = Resources(logical_cpus=64, affinity_cpus=64, cpu_quota=4.0, periods=1000, throttled_periods=600)
    [finding] = judge(cpu_quota, resources, BUS).findings
    assert finding.title == "The cgroup allows 4 of 64 processors; 60% of its periods were throttled"


def test_fires_on_one_processor_of_many() -> None:
    [finding] = judge(cpu_quota, Resources(logical_cpus=16, affinity_cpus=1, cpu_quota="unlimited"), BUS).findings
    assert finding.title == "This process may run on 1 of 16 processors (affinity)"


def test_fires_on_far_too_many_threads() -> None:
    environment = Environment(variables={"OMP_NUM_THREADS": "128"})
    [finding] = judge(
        cpu_quota, Resources(logical_cpus=8, affinity_cpus=8, cpu_quota="unlimited"), BUS, environment
    ).findings
    assert finding.title == "OMP_NUM_THREADS=128; this process may run on 8 processors"


def test_what_the_training_step_felt_of_it_is_evidence() -> None:
    resources = Resources(logical_cpus=16, affinity_cpus=1, cpu_quota="unlimited")
    [finding] = judge(cpu_quota, resources, BUS, work(with_step(on_processor=0.56, p50=0.036))).findings
    assert finding.evidence[-1].value == "36 ms, issued with 56% of a processor"


def test_silent_on_an_ordinary_pod_and_a_whole_machine() -> None:
    pod = Resources(logical_cpus=64, affinity_cpus=64, cpu_quota=4.0, periods=1000, throttled_periods=20)
    assert judge(cpu_quota, pod, BUS).findings == ()
    assert judge(cpu_quota, Resources(logical_cpus=1, affinity_cpus=1, cpu_quota="unlimited"), BUS).findings == ()
    assert judge(cpu_quota, Resources()).findings == ()


def test_silent_without_a_gpu_to_feed() -> None:
    assert judge(cpu_quota, Resources(logical_cpus=64, cpu_quota=0.5), EMPTY_BUS).findings == ()


def test_of_a_process_the_periods_count_in_which_it_was_watched() -> None:
    long_ago = Resources(logical_cpus=64, cpu_quota=4.0, periods=1000, throttled_periods=900)
    now = process(periods=30, throttled_periods=20)
    [finding] = judge(cpu_quota, long_ago, BUS, now).findings
    assert finding.title == "The cgroup allows 4 of 64 processors; 67% of its periods were throttled"
    assert judge(cpu_quota, long_ago, BUS, process(periods=30, throttled_periods=0)).findings == ()
