from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Nvml, NvmlGpu, NvmlProcess, ProcessRelative, Reading
from envdoctor_checks.gpu.busy import busy
from healthy import NVML, WORKS
from measured import HEALTHY, device, with_load, work
from running import process


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


def seen(percent: int, *processes: NvmlProcess) -> Nvml:
    return Nvml(gpus=(NvmlGpu(index=0), NvmlGpu(index=3, utilization_percent=percent, processes=processes)))


TRAINING = NvmlProcess(pid=4711, name="/usr/bin/python3", kind="compute")


def test_fires_on_nvmls_word_with_the_processes_names() -> None:
    [finding] = judge(busy, seen(98, TRAINING)).findings
    assert finding.title == "GPU 3 is 98 % busy: 1 other process (4711 python3)"
    assert (finding.severity, finding.gpu) == ("warning", 3)
    [idle] = judge(busy, seen(0, TRAINING)).findings
    assert (idle.title, idle.severity) == ("GPU 3 is in use: 1 other process (4711 python3)", "info")


def test_a_busy_gpu_without_a_process_is_others_doing_only_where_no_torch_of_ours_ran() -> None:
    [finding] = judge(busy, seen(98)).findings
    assert finding.title == "GPU 3 is 98 % busy: no process to be seen"
    assert judge(busy, seen(98), WORKS).findings == ()


def test_silent_on_the_process_that_is_examined_and_what_it_started() -> None:
    own = process(children=(ProcessRelative(pid=4800),))
    job = NvmlProcess(pid=own.pid, name="python3", kind="compute")
    assert judge(busy, seen(98, job, NvmlProcess(pid=4800, kind="compute")), own).findings == ()
    [finding] = judge(busy, seen(98, job, NvmlProcess(pid=5000, name="ollama", kind="compute")), own).findings
    assert finding.title == "GPU 3 is 98 % busy: 1 other process (5000 ollama)"


def test_another_gpu_is_named_where_there_is_one() -> None:
    free = NvmlGpu(index=5, memory_free_bytes=70 << 30, utilization_percent=0)
    less = NvmlGpu(index=6, memory_free_bytes=30 << 30, utilization_percent=0)
    work_there = NvmlGpu(index=7, memory_free_bytes=80 << 30, utilization_percent=99)
    many = Nvml(gpus=(*seen(98, TRAINING).gpus, less, free, work_there))
    [finding] = judge(busy, many, WORKS).findings
    assert finding.fix[-1].command == "export CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES=5"
    [alone] = judge(busy, Nvml(gpus=seen(98, TRAINING).gpus[1:])).findings
    assert [fix.command for fix in alone.fix] == ["nvidia-smi"]


def test_silent_on_the_program_that_a_report_shows() -> None:
    assert judge(busy, seen(98, TRAINING), Reading()).findings == ()


def test_silent_on_a_desktops_display_and_where_nothing_is_known() -> None:
    assert judge(busy, seen(4, NvmlProcess(pid=1, name="Xorg", kind="graphics"))).findings == ()
    assert judge(busy, seen(70, NvmlProcess(pid=1, name="Xorg", kind="graphics"))).findings == ()
    assert judge(busy, NVML).findings == ()
