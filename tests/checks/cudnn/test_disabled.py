from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Environment, Messages, TorchInstall, TorchRuntime
from envdoctor.knowledge.messages import recognise
from envdoctor_checks.cudnn.disabled import disabled

TORCH = TorchInstall(version="2.5.1+cu124", cuda="12.4")


def test_fires_when_it_is_switched_off() -> None:
    runtime = TorchRuntime(cuda="12.4", cudnn_available=True, cudnn_enabled=False, cudnn_loaded="9.1.0")
    [finding] = judge(disabled, runtime).findings
    assert finding.title == "torch.backends.cudnn.enabled is False; cuDNN 9.1.0 is there"
    assert finding.severity == "warning"


def test_the_old_interface_is_a_note() -> None:
    [finding] = judge(disabled, Environment(variables={"TORCH_CUDNN_V8_API_DISABLED": "1"}), TORCH).findings
    assert finding.title == "TORCH_CUDNN_V8_API_DISABLED=1: cuDNN's old interface is used"
    assert finding.severity == "info"
    assert finding.fix[0].command == "unset TORCH_CUDNN_V8_API_DISABLED"


def test_silent_when_it_is_on() -> None:
    runtime = TorchRuntime(cuda="12.4", cudnn_available=True, cudnn_enabled=True)
    assert judge(disabled, runtime, Environment(), TORCH).findings == ()
    assert judge(disabled, Environment(variables={"TORCH_CUDNN_V8_API_DISABLED": "0"}), TORCH).findings == ()


def test_silent_where_there_is_none_to_switch() -> None:
    assert judge(disabled, TorchRuntime(cuda="", cudnn_enabled=False)).findings == ()
    assert judge(disabled, TorchRuntime(cuda="12.4", cudnn_available=False, cudnn_enabled=False)).findings == ()


def test_skipped_where_torch_was_not_imported() -> None:
    assert judge(disabled, TORCH).result.status == "skipped"
    assert judge(disabled, TorchRuntime(cuda="12.4"), TORCH).result.status == "skipped"


def test_fires_in_a_report_that_tells_nothing_else() -> None:
    [finding] = judge(disabled, TorchRuntime(cudnn_enabled=False)).findings
    assert finding.title.startswith("torch.backends.cudnn.enabled is False")


def test_fires_on_a_switch_beside_words_of_slowness_and_on_no_other() -> None:
    slow = "torch.backends.cudnn.enabled = False\nResNet-50 trains three times slower than published"
    [finding] = judge(disabled, Messages(messages=recognise(slow))).findings
    assert (finding.severity, finding.confidence) == ("warning", "possible")
    assert judge(disabled, Messages(messages=recognise("torch.backends.cudnn.enabled = False"))).findings == ()
