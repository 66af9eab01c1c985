from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Messages, ProgramLog
from envdoctor.knowledge.messages import recognise
from envdoctor_checks.code.data_loading import data_loading
from running import BUSY, NOTHING_OPEN, OPEN, UNUSED, WITH_CUDA, gpu, gpus, loader, process, stack, thread

WARNED = "This DataLoader will create 16 worker processes in total. Our suggested max number of worker in current system is 2"


def test_fires_on_more_loaders_than_processors() -> None:
    [finding] = judge(data_loading, Messages(messages=recognise(WARNED))).findings
    assert finding.title.startswith("This DataLoader will create 16 worker processes")
    assert (finding.severity, finding.confidence) == ("warning", "possible")


def test_silent_without_a_word_of_it() -> None:
    assert judge(data_loading, Messages()).findings == ()


WAITS = thread(cpu=0.05)
IDLE = gpus(gpu(12.0))


def test_fires_on_a_process_whose_loaders_burn_the_processor_while_the_gpu_idles() -> None:
    fed = process(WAITS, children=(loader(4712), loader(4713)))
    [finding] = judge(data_loading, fed, WITH_CUDA, OPEN, IDLE).findings
    assert finding.title == "GPU 0: 12 % busy, while 2 loader processes use 1.9 processors"
    assert (finding.severity, finding.confidence) == ("warning", "likely")


def test_loaders_that_were_forked_hold_the_gpu_nodes_of_their_parent() -> None:
    forked = msgspec.structs.replace(loader(4712), gpu_nodes=6, command="/opt/venv/bin/python train.py")
    assert judge(data_loading, process(WAITS, children=(forked,)), WITH_CUDA, OPEN, IDLE).findings
    rank = msgspec.structs.replace(loader(4712), gpu_nodes=6, command="/opt/venv/bin/python -c spawn_main")
    assert judge(data_loading, process(WAITS, children=(rank,)), WITH_CUDA, OPEN, IDLE).findings == ()
    listed = gpus(gpu(12.0, pids=(4711, 4712)))
    assert judge(data_loading, process(WAITS, children=(forked,)), WITH_CUDA, OPEN, listed).findings == ()


def test_fires_on_loaders_and_a_main_thread_that_wait_for_storage() -> None:
    slow = msgspec.structs.replace(loader(4712, 0.05), blocked=0.95)
    assert judge(data_loading, process(WAITS, children=(slow,)), WITH_CUDA, OPEN, IDLE).findings
    reads = thread(cpu=0.1, state="D", wait_channel="folio_wait_bit_common")
    [finding] = judge(data_loading, process(reads), WITH_CUDA, OPEN, IDLE).findings
    assert finding.title == "GPU 0: 12 % busy, while process 4711 (python) loads data by itself"


def test_fires_on_a_main_thread_that_polls_for_loaders_that_sleep() -> None:
    polls = thread(cpu=0.01, wait_channel="poll_schedule_timeout.constprop.0")
    sleeps = msgspec.structs.replace(loader(4712, 0.0), command="/opt/venv/bin/python train.py")
    [finding] = judge(data_loading, process(polls, children=(sleeps,)), WITH_CUDA, OPEN, IDLE).findings
    assert finding.title == "GPU 0: 12 % busy, while process 4711 (python) waits for 1 loader process"
    assert finding.confidence == "possible"
    serves = thread(cpu=0.01, wait_channel="ep_poll")
    assert judge(data_loading, process(serves, children=(sleeps,)), WITH_CUDA, OPEN, IDLE).findings == ()


def test_fires_where_python_is_seen_to_stand_in_the_loader() -> None:
    where = stack("__getitem__ (app/data.py:3)", "fetch (torch/utils/data/_utils/fetch.py:52)")
    [finding] = judge(data_loading, process(thread(cpu=1.0)), WITH_CUDA, OPEN, IDLE, where).findings
    assert finding.title == "GPU 0: 12 % busy, while process 4711 (python) loads data by itself"
    assert any("fetch.py:52" in evidence.value for evidence in finding.evidence)


def test_silent_on_a_gpu_that_is_fed_and_on_loaders_that_rest() -> None:
    fed = process(WAITS, children=(loader(4712), loader(4713)))
    assert judge(data_loading, fed, WITH_CUDA, OPEN, BUSY).findings == ()
    rests = process(WAITS, children=(loader(4712, 0.1), loader(4713, 0.2)))
    assert judge(data_loading, rests, WITH_CUDA, OPEN, IDLE).findings == ()
    assert judge(data_loading, fed, WITH_CUDA, NOTHING_OPEN, UNUSED).findings == ()


def test_silent_where_others_share_the_gpu_and_its_own_part_is_unknown() -> None:
    fed = process(WAITS, children=(loader(4712), loader(4713)))
    assert judge(data_loading, fed, WITH_CUDA, OPEN, gpus(gpu(92.0, others=1))).findings == ()
    assert judge(data_loading, fed, WITH_CUDA, OPEN).findings == ()


def test_fires_on_a_log_whose_steps_wait_for_data() -> None:
    [finding] = judge(data_loading, ProgramLog(step_seconds=5.89, data_seconds=5.63)).findings
    assert finding.title == "A training step takes 5.89 s, and waits 5.63 s of it for data (96%)"
    assert judge(data_loading, ProgramLog(step_seconds=1.0, data_seconds=0.2)).findings == ()
