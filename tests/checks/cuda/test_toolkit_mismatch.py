from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Message, Messages, Toolkit, TorchInstall
from envdoctor_checks.cuda.toolkit_mismatch import toolkit_mismatch

TORCH = TorchInstall(version="2.5.1+cu124", cuda="12.4")
TOOLKIT = Toolkit(nvcc="/usr/local/cuda/bin/nvcc", nvcc_version="11.8", installed=("/usr/local/cuda-11.8",))
REFUSED = Message(
    key="build-cuda-major-mismatch",
    text="The detected CUDA version (11.8) mismatches the version that was used to compile\nPyTorch (12.4). Please make sure",
)


def test_fires_when_a_build_was_refused() -> None:
    [finding] = judge(toolkit_mismatch, TOOLKIT, Messages(messages=(REFUSED,)), TORCH).findings
    assert finding.title == "nvcc is of CUDA 11.8; torch is built for 12.4, and the build stops"
    assert finding.severity == "error"
    assert finding.confidence == "certain"


def test_fires_from_the_message_alone() -> None:
    apex = Message(
        key="apex-cuda-mismatch", text="Cuda extensions are being compiled with a version of Cuda that does not match"
    )
    [finding] = judge(toolkit_mismatch, Messages(messages=(apex,))).findings
    assert finding.title.startswith("The toolkit does not fit torch: Cuda extensions are being compiled")


def test_only_a_note_while_nothing_is_compiled() -> None:
    [finding] = judge(toolkit_mismatch, TOOLKIT, TORCH).findings
    assert finding.title == "nvcc is of CUDA 11.8; torch 2.5.1+cu124 is built for CUDA 12.4"
    assert finding.severity == "info"
    assert finding.fix[0].command == "sudo apt install cuda-toolkit-12-4 && export CUDA_HOME=/usr/local/cuda-12.4"


def test_only_a_note_where_torch_itself_only_warns() -> None:
    minor = Message(
        key="build-cuda-minor-mismatch",
        text="The detected CUDA version (12.1) has a minor version mismatch with the version that was used to compile PyTorch (12.4).",
    )
    [finding] = judge(toolkit_mismatch, Messages(messages=(minor,))).findings
    assert finding.title == "nvcc is of CUDA 12.1; torch is built for 12.4"
    assert finding.severity == "info"


def test_a_fitting_toolkit_that_is_there_is_the_way_out() -> None:
    both = Toolkit(
        nvcc="/usr/local/cuda/bin/nvcc", nvcc_version="11.8", installed=("/usr/local/cuda-11.8", "/usr/local/cuda-12.4")
    )
    [finding] = judge(toolkit_mismatch, both, TORCH).findings
    assert finding.fix[0].command == "export CUDA_HOME=/usr/local/cuda-12.4"


def test_silent_for_another_minor_version() -> None:
    assert judge(toolkit_mismatch, Toolkit(nvcc="/usr/bin/nvcc", nvcc_version="12.1"), TORCH).findings == ()


def test_silent_without_a_toolkit_or_a_cuda_build() -> None:
    assert judge(toolkit_mismatch, Toolkit(nvcc=""), Messages(), TORCH).findings == ()
    assert judge(toolkit_mismatch, TOOLKIT, TorchInstall(version="2.5.1+cpu", cuda="")).findings == ()


def test_skipped_where_no_toolkit_was_looked_for() -> None:
    assert judge(toolkit_mismatch, TORCH).result.status == "skipped"
