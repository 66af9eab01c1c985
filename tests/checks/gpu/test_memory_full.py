from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import CudaDevice, CudaDriver, Environment, Nvml, NvmlGpu, NvmlProcess
from envdoctor_checks.gpu.memory_full import memory_full
from healthy import DOCKER, NVML
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
    assert finding.title == "GPU 0: 3072 of 143360 MiB free; copy ran out of it; 4242 python3 holds the rest"
    assert "held by 4242 python3" in finding.detail


def test_fires_on_nvmls_word_alone() -> None:
    [finding] = judge(memory_full, TAKEN).findings
    assert finding.title == "GPU 0: 200 of 24576 MiB free; 4242 python3 holds the rest"


def test_fires_on_the_last_twentieth_of_a_large_card() -> None:
    gpu = NvmlGpu(index=0, memory_total_bytes=48 * GIB, memory_free_bytes=2 * GIB)
    [finding] = judge(memory_full, Nvml(gpus=(gpu,))).findings
    assert finding.title == "GPU 0: 2048 of 49152 MiB free"


def test_memory_that_no_process_holds_is_told_apart() -> None:
    [finding] = judge(memory_full, work(device(memory_free=100 << 20))).findings
    assert finding.title == "GPU 0: 100 of 143360 MiB free"
    assert "no process is seen that holds it" in finding.detail


def held(*processes: NvmlProcess, used: int = 30 * GIB) -> Nvml:
    gpu = NvmlGpu(
        index=2,
        memory_total_bytes=80 * GIB,
        memory_used_bytes=used,
        memory_free_bytes=80 * GIB - used,
        processes=processes,
    )
    return Nvml(gpus=(gpu,))


def test_a_full_card_without_any_process_says_so_in_its_title() -> None:
    [finding] = judge(memory_full, held(used=79 * GIB)).findings
    assert finding.title == "GPU 2: 1024 of 81920 MiB free; no process is seen that holds the rest"
    [inside] = judge(memory_full, held(used=79 * GIB), DOCKER).findings
    assert "from inside a container those of others are not seen" in inside.detail


def test_what_the_listed_processes_do_not_explain_is_told() -> None:
    small = NvmlProcess(pid=7, name="python3", used_memory_bytes=2 * GIB)
    [finding] = judge(memory_full, held(small, used=79 * GIB)).findings
    assert "held by 7 python3; 78848 MiB of it by no process that is seen" in finding.detail


def test_memory_that_nobody_holds_on_a_card_that_is_not_full_is_a_note() -> None:
    [finding] = judge(memory_full, held()).findings
    assert finding.title == "GPU 2: 30720 MiB in use, and no process is seen that holds it"
    assert (finding.severity, finding.gpu) == ("info", 2)
    assert judge(memory_full, held(), DOCKER).findings == ()
    assert judge(memory_full, held(NvmlProcess(pid=7))).findings == ()
    assert judge(memory_full, held(used=GIB)).findings == ()


def test_one_full_card_of_several_is_a_warning_and_all_of_them_an_error() -> None:
    roomy = NvmlGpu(index=0, memory_total_bytes=80 * GIB, memory_used_bytes=GIB, memory_free_bytes=79 * GIB)
    full = held(used=79 * GIB).gpus[0]
    assert [f.severity for f in judge(memory_full, Nvml(gpus=(roomy, full))).findings] == ["warning"]
    assert [f.severity for f in judge(memory_full, Nvml(gpus=(full,))).findings] == ["error"]


def test_room_on_a_card_that_is_left_out_is_no_room() -> None:
    roomy = NvmlGpu(index=0, pci_bus_id="00000000:01:00.0", memory_total_bytes=80 * GIB, memory_free_bytes=79 * GIB)
    full = msgspec.structs.replace(held(used=79 * GIB).gpus[0], pci_bus_id="00000000:03:00.0")
    cuda = CudaDriver(init_code=0, device_count=1, devices=(CudaDevice(ordinal=0, pci_bus_id="0000:03:00.0"),))
    mask = Environment(variables={"CUDA_VISIBLE_DEVICES": "2"})
    assert [f.severity for f in judge(memory_full, Nvml(gpus=(roomy, full)), cuda, mask).findings] == ["error"]


def test_silent_where_there_is_room_or_nothing_is_known() -> None:
    assert judge(memory_full, HEALTHY, NVML).findings == ()
    assert judge(memory_full, NVML).findings == ()
