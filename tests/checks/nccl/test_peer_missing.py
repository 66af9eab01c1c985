from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import ProcessLibraries
from envdoctor_checks.nccl.peer_missing import peer_missing
from running import BUSY, OPEN, TORCH_CPU, TORCH_CUDA, WITH_CUDA, gpu, gpus, process, stack

SPINS = gpus(gpu(100.0, memory_utilization_most=0.0, power_watts=110.0))
RANK = process(ranks=8)


def test_fires_on_a_gpu_that_spins_without_work() -> None:
    [finding] = judge(peer_missing, RANK, WITH_CUDA, OPEN, SPINS).findings
    assert finding.title.startswith("process 4711 (python) waits in NCCL, GPU 0: it spins: 100 % busy, no memory moved")
    assert (finding.severity, finding.confidence) == ("warning", "possible")


def test_fires_where_python_stands_in_a_collective_and_the_gpu_does_nothing() -> None:
    where = stack("barrier (torch/distributed/distributed_c10d.py:4810)", "main (app/train.py:12)")
    [finding] = judge(peer_missing, process(), WITH_CUDA, OPEN, gpus(gpu(0.0)), where).findings
    assert "barrier (torch/distributed" in finding.title


def test_silent_on_work_on_a_gpu_that_does_nothing_and_without_nccl() -> None:
    assert judge(peer_missing, process(), WITH_CUDA, OPEN, BUSY).findings == ()
    assert judge(peer_missing, process(), WITH_CUDA, OPEN, gpus(gpu(0.0))).findings == ()
    alone = ProcessLibraries(libraries=(TORCH_CPU, TORCH_CUDA))
    assert judge(peer_missing, RANK, alone, OPEN, SPINS).findings == ()


def test_silent_on_small_kernels_of_a_job_of_one_rank_and_on_work_in_steps() -> None:
    """They keep a GPU "busy" at little power, too."""
    assert judge(peer_missing, process(), WITH_CUDA, OPEN, SPINS).findings == ()
    steps = gpus(gpu(100.0, memory_utilization_most=0.0, power_watts=110.0, power_spread_watts=60.0))
    assert judge(peer_missing, RANK, WITH_CUDA, OPEN, steps).findings == ()


def test_silent_on_a_collective_that_keeps_the_gpu_at_work() -> None:
    where = stack("all_reduce (torch/distributed/distributed_c10d.py:2500)")
    assert judge(peer_missing, process(), WITH_CUDA, OPEN, BUSY, where).findings == ()
