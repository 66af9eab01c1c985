from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Messages, TorchRuntime
from envdoctor.knowledge.messages import recognise
from envdoctor_checks.code.not_on_gpu import not_on_gpu


def said(text: str) -> Messages:
    return Messages(messages=recognise(text))


def test_fires_where_no_layer_was_put_on_the_gpu() -> None:
    [finding] = judge(not_on_gpu, said("llm_load_tensors: offloaded 0/33 layers to GPU")).findings
    assert finding.title == "llm_load_tensors: offloaded 0/33 layers to GPU"
    assert "-ngl 99" in finding.fix[0].text


def test_silent_where_layers_are_there() -> None:
    assert judge(not_on_gpu, said("llm_load_tensors: offloaded 33/33 layers to GPU")).findings == ()


def test_an_idle_gpu_counts_where_torch_sees_it() -> None:
    idle = said("nvidia-smi shows 0% GPU usage during training")
    assert len(judge(not_on_gpu, idle, TorchRuntime(cuda_available=True)).findings) == 1
    assert judge(not_on_gpu, idle, TorchRuntime(cuda_available=False)).findings == ()
    assert judge(not_on_gpu, idle).findings == ()
