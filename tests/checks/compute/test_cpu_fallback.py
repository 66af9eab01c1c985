from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import ProgramLog, Watched
from envdoctor_checks.compute.cpu_fallback import cpu_fallback
from measured import HEALTHY, PROCESSOR, device, with_load, with_step, work

ONE_OP = Watched(
    ops=1230,
    on_device=1221,
    elsewhere=3,
    first_elsewhere="aten.addmm.default",
    to_host=2,
    from_host=2,
    first_to_host="aten._to_copy.default",
)


def test_fires_on_one_layer_that_left_the_device_and_names_the_operator() -> None:
    [finding] = judge(cpu_fallback, work(with_step(watched=ONE_OP))).findings
    assert finding.title == "aten.addmm.default runs on the processor in a step on GPU 0 (3 of 1230 operators)"
    assert len(finding.evidence) >= 2


def test_fires_where_the_model_never_came_to_the_gpu() -> None:
    idle = with_load(memory_used_before=500 << 20, memory_used_most=510 << 20)
    lost = device(step=with_step(devices=("cpu",), gradient_devices=("cpu",), watched=None).step, load=idle.load)
    [finding] = judge(cpu_fallback, work(lost)).findings
    assert finding.title.startswith(
        "GPU 0: parameters and gradients on cpu; memory of the GPU during the work grew by 10 MiB"
    )


def test_silent_on_one_sign_alone() -> None:
    assert judge(cpu_fallback, work(with_step(watched=Watched(ops=9, on_device=9, to_host=5)))).findings == ()
    assert judge(cpu_fallback, work(with_step(watched=Watched(ops=9, on_device=8, elsewhere=1)))).findings == ()
    assert judge(cpu_fallback, work(with_load(memory_used_before=1, memory_used_most=2))).findings == ()


def test_silent_on_a_healthy_card_and_on_the_processor() -> None:
    assert judge(cpu_fallback, HEALTHY).findings == ()
    assert judge(cpu_fallback, PROCESSOR).findings == ()


def test_fires_on_a_llama_that_takes_no_notice_of_its_layers() -> None:
    [finding] = judge(cpu_fallback, ProgramLog(layers_asked=-1, layers_offloaded=False)).findings
    assert finding.title == "llama.cpp was told to put all layers on the GPU, and its log has none there"
    assert judge(cpu_fallback, ProgramLog(layers_asked=-1, layers_offloaded=True)).findings == ()
    assert judge(cpu_fallback, ProgramLog(layers_offloaded=False)).findings == (), "it was told nothing"
