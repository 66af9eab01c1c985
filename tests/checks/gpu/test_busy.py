from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor_checks.gpu.busy import busy
from measured import HEALTHY, device, with_load, work


def test_fires_where_it_was_at_work_before() -> None:
    taken = msgspec.structs.replace(with_load(utilization_before=97.0), tenants=("4711 python",))
    [finding] = judge(busy, work(taken)).findings
    assert finding.title == "GPU 0 was 97 % busy before the work began: 1 other process (4711 python)"
    assert finding.severity == "warning"


def test_fires_on_a_process_that_is_out_of_sight() -> None:
    [finding] = judge(busy, work(with_load(utilization_before=60.0))).findings
    assert finding.title == "GPU 0 was 60 % busy before the work began: no process to be seen"


def test_a_tenant_that_idles_is_a_note() -> None:
    [finding] = judge(busy, work(device(tenants=("4711 ollama",)))).findings
    assert finding.severity == "info"


def test_silent_on_a_card_of_our_own_and_on_a_desktop() -> None:
    assert judge(busy, HEALTHY).findings == ()
    assert judge(busy, work(with_load(utilization_before=6.0))).findings == ()
