from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor_checks.compute.slow import slow
from measured import H200, HEALTHY, MIG, PROCESSOR, RATES, device, rate, with_rates, work

HALF = rate("copy", 2100.0, "GB/s")


def test_fires_on_half_the_bandwidth() -> None:
    [finding] = judge(slow, work(with_rates(HALF))).findings
    assert finding.title == "GPU 0: copy 2100 GB/s; healthy ones reach 4300"
    assert (finding.severity, finding.gpu) == ("warning", 0)


def test_fires_on_the_worst_and_counts_the_rest() -> None:
    [finding] = judge(slow, work(with_rates(HALF, rate("matmul", 200.0, "TFLOP/s", "bf16")))).findings
    assert finding.title == "GPU 0: bf16 matmul 200 TFLOP/s; healthy ones reach 790.3; and 1 more"


def test_fires_on_one_slow_gpu_of_eight_above_the_floor() -> None:
    tired = tuple(
        rate("matmul", 640.0, "TFLOP/s", "bf16") if (r.name, r.dtype) == ("matmul", "bf16") else r for r in RATES
    )
    fleet = [device(device=f"cuda:{i}", gpu=i, rates=tired if i == 3 else RATES) for i in range(8)]
    [finding] = judge(slow, work(*fleet)).findings
    assert finding.title == "GPU 3: bf16 matmul 640 TFLOP/s; healthy ones reach 785"
    assert finding.gpu == 3


def test_fires_on_transfers_below_what_the_link_gives() -> None:
    [finding] = judge(slow, work(with_rates(rate("h2d-pinned", 9.0, "GB/s")))).findings
    assert finding.title == "GPU 0: h2d-pinned 9 GB/s; its PCIe link gives 53.56"


def test_an_unknown_model_is_held_to_its_own_units_and_clocks() -> None:
    odd = msgspec.structs.replace(with_rates(rate("matmul", 100.0, "TFLOP/s", "bf16")), name="NVIDIA H999")
    [finding] = judge(slow, work(odd)).findings
    assert finding.title == "GPU 0: bf16 matmul 100 TFLOP/s; its units and clocks allow 1071"
    assert finding.confidence == "possible"
    assert judge(slow, work(msgspec.structs.replace(H200, name="NVIDIA H999"))).findings == ()


def test_silent_on_a_healthy_card_a_slice_a_shared_card_and_the_processor() -> None:
    assert judge(slow, HEALTHY).findings == ()
    assert judge(slow, work(MIG)).findings == ()
    assert judge(slow, PROCESSOR).findings == ()
    shared = msgspec.structs.replace(with_rates(HALF), tenants=("4711 python",))
    assert judge(slow, work(shared)).findings == ()


def test_silent_where_nothing_is_known_of_the_card() -> None:
    assert judge(slow, work(device(name=None, load=None, compute_capability=None))).findings == ()
