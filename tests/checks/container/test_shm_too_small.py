from __future__ import annotations

import pytest

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Message, Messages, Resources
from envdoctor_checks.container.shm_too_small import shm_too_small
from healthy import DOCKER, OUTSIDE

MIB = 1 << 20


def test_fires_on_64_kib() -> None:
    [finding] = judge(shm_too_small, Resources(shm_total_bytes=65536), DOCKER).findings
    assert finding.title == "/dev/shm is 64 KiB; data loaders with workers and NCCL need more"
    assert finding.severity == "error"
    assert finding.fix[0].command == "docker run --shm-size=8g --gpus all IMAGE"


def test_fires_where_there_is_none() -> None:
    [finding] = judge(shm_too_small, Resources(shm_total_bytes=0), OUTSIDE).findings
    assert finding.title == "/dev/shm is absent; data loaders with workers and NCCL need more"
    assert finding.severity == "warning"


def test_is_an_error_where_a_program_died_of_it() -> None:
    said = Messages(messages=(Message(key="torch-worker-bus-error", text="insufficient shared memory (shm)"),))
    [finding] = judge(shm_too_small, said).findings
    assert finding.severity == "error"


def test_dockers_default_is_a_note() -> None:
    [finding] = judge(shm_too_small, Resources(shm_total_bytes=64 * MIB), DOCKER).findings
    assert finding.severity == "info"


@pytest.mark.parametrize("key", ["os-no-space", "os-bus-error", "loader-worker-exited", "nccl-system-error"])
def test_a_small_one_explains_what_it_may_be(key: str) -> None:
    said = Messages(messages=(Message(key=key, text="x"),))
    [finding] = judge(shm_too_small, Resources(shm_total_bytes=64 * MIB), said).findings
    assert (finding.severity, finding.confidence) == ("error", "likely")
    assert judge(shm_too_small, Resources(shm_total_bytes=8192 * MIB), said).findings == ()


def test_silent_where_nccl_says_what_it_could_not_reach() -> None:
    said = (Message(key="nccl-system-error", text="x"), Message(key="nccl-no-route", text="No route to host"))
    assert judge(shm_too_small, Resources(shm_total_bytes=64 * MIB), Messages(messages=said)).findings == ()


def test_silent_with_room_and_on_a_host() -> None:
    assert judge(shm_too_small, Resources(shm_total_bytes=8192 * MIB), DOCKER).findings == ()
    assert judge(shm_too_small, Resources(shm_total_bytes=64 * MIB), OUTSIDE).findings == ()


def test_skipped_where_the_size_is_unknown() -> None:
    assert judge(shm_too_small, Resources()).result.status == "skipped"


def test_a_full_disk_is_told_from_a_full_shared_memory_by_its_size() -> None:
    said = Messages(messages=(Message(key="os-no-space", text="OSError: [Errno 28] No space left on device"),))
    [finding] = judge(shm_too_small, said, Resources(shm_total_bytes=64 << 20)).findings
    assert (finding.severity, finding.confidence) == ("error", "likely")
    assert judge(shm_too_small, said, Resources(shm_total_bytes=8 << 30)).findings == ()
    assert judge(shm_too_small, said).findings == ()
