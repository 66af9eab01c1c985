from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Nvml, NvmlGpu, NvmlProcess
from envdoctor_checks.gpu.memory_full import memory_full
from healthy import NVML
from measured import HEALTHY, device, with_kernel, work

GIB = 1 << 30
TAKEN = Nvml(
    init_code=0,
    gpus=(
        NvmlGpu(
            index=0,
            memory_total_bytes=24 * GIB,
            memory_used_bytes=24 * GIB - (200 << 20),
            memory_free_bytes=200 << 20,
            processes=(NvmlProcess(pid=4242, name="python3"),),
        ),
    ),
)


def test_fires_where_kernels_run_out_of_it_and_names_who_holds_it() -> None:
    full = msgspec.structs.replace(with_kernel("copy", "out-of-memory"), memory_free=3 * GIB)
    [finding] = judge(memory_full, work(full), TAKEN).findings
    assert finding.title == "GPU 0: 3072 of 143360 MiB free; copy ran out of it"
    assert "held by 4242 python3" in finding.detail


def test_fires_on_nvmls_word_alone() -> None:
    [finding] = judge(memory_full, TAKEN).findings
    assert finding.title == "GPU 0: 200 of 24576 MiB free"


def test_fires_on_the_last_twentieth_of_a_large_card() -> None:
    gpu = NvmlGpu(index=0, memory_total_bytes=48 * GIB, memory_free_bytes=2 * GIB)
    [finding] = judge(memory_full, Nvml(gpus=(gpu,))).findings
    assert finding.title == "GPU 0: 2048 of 49152 MiB free"


def test_memory_that_no_process_holds_is_told_apart() -> None:
    [finding] = judge(memory_full, work(device(memory_free=100 << 20))).findings
    assert finding.title == "GPU 0: 100 of 143360 MiB free"
    assert "no process is seen that holds it" in finding.detail


def test_silent_where_there_is_room_or_nothing_is_known() -> None:
    assert judge(memory_full, HEALTHY, NVML).findings == ()
    assert judge(memory_full, NVML).findings == ()
