from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Messages, ProcessRelative, TorchRuntime
from envdoctor.knowledge.messages import recognise
from envdoctor_checks.code.not_on_gpu import not_on_gpu
from healthy import CUDA, CUDA_FAILS
from running import BUSY, NOTHING_OPEN, OPEN, UNUSED, WITH_CUDA, WITHOUT_CUDA, process, thread


def said(text: str) -> Messages:
    return Messages(messages=recognise(text))


def test_fires_where_no_layer_was_put_on_the_gpu() -> None:
    [finding] = judge(not_on_gpu, said("llm_load_tensors: offloaded 0/33 layers to GPU")).findings
    assert finding.title == "llm_load_tensors: offloaded 0/33 layers to GPU"
    assert "-ngl 99" in finding.fix[0].text


def test_silent_where_layers_are_there() -> None:
    assert judge(not_on_gpu, said("llm_load_tensors: offloaded 33/33 layers to GPU")).findings == ()


def test_fires_on_a_process_that_computes_with_cuda_loaded_and_no_gpu_open() -> None:
    at_work = process(thread(cpu=3.8))
    [finding] = judge(not_on_gpu, at_work, WITH_CUDA, NOTHING_OPEN, UNUSED, CUDA).findings
    assert finding.title == "process 4711 (python) has run for 5 min, 3.8 processors busy, and holds no GPU"
    assert (finding.severity, finding.confidence) == ("error", "likely")
    assert "CUDA sees 1 GPU in its environment" in finding.detail


def test_one_that_has_just_begun_is_only_suspected() -> None:
    young = process(thread(cpu=1.0), age_seconds=20.0)
    [finding] = judge(not_on_gpu, young, WITH_CUDA, NOTHING_OPEN, UNUSED, CUDA).findings
    assert (finding.severity, finding.confidence) == ("warning", "possible")
    assert "has run for 20 s" in finding.title


def test_fires_where_only_a_monitor_holds_the_node_open() -> None:
    """NVML, too, opens /dev/nvidia0; the driver's list says that the process has no context there."""
    [finding] = judge(not_on_gpu, process(thread(cpu=1.0)), WITH_CUDA, OPEN, UNUSED, CUDA).findings
    assert finding.title.endswith("holds no GPU")


def test_silent_on_a_process_that_uses_the_gpu_waits_starts_or_helps() -> None:
    at_work = process(thread(cpu=1.0))
    assert judge(not_on_gpu, at_work, WITH_CUDA, OPEN, BUSY, CUDA).findings == ()
    assert judge(not_on_gpu, process(thread(cpu=0.1)), WITH_CUDA, NOTHING_OPEN, UNUSED, CUDA).findings == ()
    starts = process(thread(cpu=1.0), age_seconds=4.0)
    assert judge(not_on_gpu, starts, WITH_CUDA, NOTHING_OPEN, UNUSED, CUDA).findings == ()
    parent = ProcessRelative(pid=4700, command="/opt/venv/bin/python train.py", torch=True)
    helper = process(thread(cpu=1.0), parent=parent)
    assert judge(not_on_gpu, helper, WITH_CUDA, NOTHING_OPEN, UNUSED, CUDA).findings == ()
    child = ProcessRelative(pid=4712, torch=True, gpu_nodes=4)
    launcher = process(thread(cpu=1.0), children=(child,))
    assert judge(not_on_gpu, launcher, WITH_CUDA, NOTHING_OPEN, UNUSED, CUDA).findings == ()


def test_silent_where_the_environment_is_ill_or_nobody_could_look() -> None:
    at_work = process(thread(cpu=1.0))
    assert judge(not_on_gpu, at_work, WITH_CUDA, NOTHING_OPEN, UNUSED, CUDA_FAILS).findings == ()
    assert judge(not_on_gpu, at_work, WITH_CUDA, NOTHING_OPEN, UNUSED).findings == ()
    assert judge(not_on_gpu, at_work, WITH_CUDA, UNUSED, CUDA, Messages()).findings == ()
    assert judge(not_on_gpu, at_work, WITHOUT_CUDA, NOTHING_OPEN, UNUSED, CUDA).findings == ()
    elsewhere = process(thread(cpu=1.0), container=True)
    assert judge(not_on_gpu, elsewhere, WITH_CUDA, NOTHING_OPEN, UNUSED, CUDA).findings == ()


def test_an_idle_gpu_counts_where_torch_sees_it() -> None:
    idle = said("nvidia-smi shows 0% GPU usage during training")
    assert len(judge(not_on_gpu, idle, TorchRuntime(cuda_available=True)).findings) == 1
    assert judge(not_on_gpu, idle, TorchRuntime(cuda_available=False)).findings == ()
    assert judge(not_on_gpu, idle).findings == ()


def test_fires_where_the_program_names_the_processor_and_torch_sees_a_gpu() -> None:
    [finding] = judge(not_on_gpu, said("Device set to use cpu"), TorchRuntime(cuda_available=True)).findings
    assert finding.title == "Device set to use cpu"
    assert judge(not_on_gpu, said("Using cpu device\nthe GPU stays idle")).findings


def test_silent_where_the_processor_may_be_meant() -> None:
    assert judge(not_on_gpu, said("Device set to use cpu")).findings == ()
    assert judge(not_on_gpu, said("Using cpu device"), TorchRuntime(cuda_available=False)).findings == ()
    both = said("Using device: cpu\nUsing device: cuda")
    assert judge(not_on_gpu, both, TorchRuntime(cuda_available=True)).findings == ()
