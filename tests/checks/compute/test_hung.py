from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor_checks.compute.hung import hung
from measured import HEALTHY, with_kernel, work


def test_fires_on_a_kernel_that_did_not_come_back() -> None:
    [finding] = judge(hung, work(with_kernel("resnet-step", "hung", seconds=20.1, frame="x.py:3 in step"))).findings
    assert finding.title == "resnet-step on GPU 0 did not come back within 20 s"
    assert any(item.value == "x.py:3 in step" for item in finding.evidence)


def test_on_a_processor_that_is_only_busy_it_is_a_warning() -> None:
    busy = msgspec.structs.replace(with_kernel("resnet-step", "hung", seconds=20.0), device="cpu", gpu=None)
    [finding] = judge(hung, work(busy)).findings
    assert (finding.title, finding.severity) == (
        "resnet-step on the processor did not come back within 20 s",
        "warning",
    )


def test_nccl_is_asked_for_its_log() -> None:
    [finding] = judge(hung, work(with_kernel("all-reduce", "hung", seconds=20.0))).findings
    assert finding.fix[0].command == "NCCL_DEBUG=INFO envdoctor check"


def test_silent_where_all_came_back_or_failed_otherwise() -> None:
    assert judge(hung, HEALTHY).findings == ()
    assert judge(hung, work(with_kernel("fft", "crashed", signal="SIGSEGV"))).findings == ()


def test_skipped_without_work() -> None:
    assert judge(hung).result.status == "skipped"
