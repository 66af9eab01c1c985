"""What programs' logs tell of their speed."""

from __future__ import annotations

from envdoctor.facts import ProgramLog
from envdoctor.read.text import read_text


def log(text: str) -> ProgramLog:
    found = read_text(text, "2026-01-01T00:00:00Z").get(ProgramLog)
    return found if found is not None else ProgramLog()


def test_the_last_average_of_a_training_loop_counts() -> None:
    text = (
        "Epoch: [0][0/900]\tTime 31.2 (31.2)\tData 30.1 (30.1)\tLoss 6.9\n"
        "Epoch: [0][10/900]\tTime 0.9 (4.0)\tData 0.1 (3.0)\n"
        "Epoch: [0][20/900]\tTime 0.9 (2.5)\tData 0.1 (1.5)\n"
    )
    found = log(text)
    assert (found.step_seconds, found.data_seconds, found.source("data_seconds")) == (2.5, 1.5, "report line 3")


def test_without_averages_all_steps_do() -> None:
    found = log("iter: 20 loss: 1.2 time: 0.5 data_time: 0.25 lr: 0.02\niter: 40 loss: 1.1 time: 1.5 data_time: 1.25")
    assert (found.step_seconds, found.data_seconds) == (1.0, 0.75)


def test_a_first_step_alone_tells_nothing() -> None:
    assert log("Epoch: [0][0/900]\tTime 31.2 (31.2)\tData 30.1 (30.1)").step_seconds is None


def test_layers_asked_for_and_none_on_the_gpu() -> None:
    text = "llm = Llama(model_path=p, n_gpu_layers=25)\nllama_model_load_internal: n_layer = 40\nllama_init_from_file: kv self size  =  800.00 MB\n"
    found = log(text)
    assert (found.layers_asked, found.layers_offloaded) == (25, False)
    assert log(text + "llama_model_load_internal: offloaded 25/43 layers to GPU").layers_offloaded is True
    assert log(text.rpartition("llama_init")[0]).layers_offloaded is None, "cut off before it would say so"


def test_the_cuda_that_tensorflow_loads_beside_the_gpu_that_it_finds() -> None:
    text = "Successfully opened dynamic library cublas64_10.dll\npciBusID: 0000:01:00.0 name: GeForce RTX 3080 computeCapability: 8.6\n"
    found = log(text)
    assert (found.cuda, found.capabilities) == ("10", ("8.6",))


def test_a_first_turn_of_minutes() -> None:
    loop = "for i in range(3):\n    x.cuda()\n0 0:03:20.5\n1 0:00:00.0002\n2 0:00:00.0001\n"
    assert log(loop).first_seconds == 200.5
    assert log(loop.replace("0:03:20.5", "0:00:04.5")).first_seconds is None, "CUDA itself takes that long"
    assert log(loop.replace("x.cuda()", "work(x)")).first_seconds is None
    assert log("t = time.time(); x.cuda(); print('took:', time.time() - t)\ntook: > 90 s").first_seconds == 90.0


def test_the_slowest_pair_with_and_without_peer_to_peer() -> None:
    text = (
        "Unidirectional P2P=Disabled Bandwidth Matrix (GB/s)\n   D\\D     0      1\n     0 650.10  13.10\n     1  12.90 650.00\n"
        "Unidirectional P2P=Enabled Bandwidth (P2P Writes) Matrix (GB/s)\n   D\\D     0      1\n     0 650.10   1.10\n     1  2.20 650.00\n"
        "P2P=Disabled Latency Matrix (us)\n   GPU     0      1\n     0   1.30   0.50\n"
    )
    found = log(text)
    assert (found.peer_gbs, found.staged_gbs) == (1.1, 12.9)


def test_a_log_of_something_else_is_none() -> None:
    assert log("Time 12:00:01 Data received\nrun 1: 0.5\nn_gpu_layers is a parameter") == ProgramLog()


def test_a_command_that_was_timed_twice() -> None:
    runs = "$ time ./bench-cuda\nggml-cuda: device 0\nreal\t4m51.330s\n$ time ./bench-cuda\nreal\t0m6.714s\n"
    assert log(runs).first_seconds == 291.33
    assert log(runs.replace("0m6.714s", "4m10.0s")).first_seconds is None
    assert log(runs.replace("cuda", "cpu")).first_seconds is None


def test_lightnings_profile() -> None:
    rows = (
        "|  Total                                     |  -        |  19843 |  1604.2  |  100 %   |\n"
        "|  [_TrainingEpochLoop].train_dataloader_next |  1.2987  |  1000  |  1298.7  |  80.956  |\n"
    )
    found = log(rows)
    assert (found.step_seconds, found.data_seconds) == (1.6042, 1.2987)
    assert log(rows.replace("1000", "0")).step_seconds is None
    assert log(rows.partition("\n")[2]).step_seconds is None
