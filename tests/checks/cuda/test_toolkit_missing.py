from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Message, Messages, Toolkit, TorchInstall
from envdoctor_checks.cuda.toolkit_missing import toolkit_missing

TORCH = TorchInstall(version="2.5.1+cu124", cuda="12.4")
SAID = Messages(
    messages=(Message(key="build-cuda-home-not-set", text="OSError: CUDA_HOME environment variable is not set."),)
)


def test_fires_when_a_build_found_no_nvcc() -> None:
    [finding] = judge(toolkit_missing, SAID, Toolkit(nvcc=""), TORCH).findings
    assert (
        finding.title
        == "A build needs nvcc of CUDA 12.4; none was found: OSError: CUDA_HOME environment variable is not set."
    )
    assert finding.fix[0].command == "sudo apt install cuda-toolkit-12-4"
    assert finding.fix[1].command == "conda install -c nvidia cuda-toolkit=12.4"


def test_names_an_nvcc_that_the_build_did_not_find() -> None:
    toolkit = Toolkit(nvcc="/usr/local/cuda-12.4/bin/nvcc", nvcc_version="12.4", cuda_home="")
    [finding] = judge(toolkit_missing, SAID, toolkit, TORCH).findings
    assert finding.title == "A build found no CUDA toolkit; /usr/local/cuda-12.4/bin/nvcc is there (12.4)"
    assert finding.fix[0].command == "export CUDA_HOME=/usr/local/cuda-12.4"
    assert finding.confidence == "likely"


def test_silent_on_a_healthy_pip_install() -> None:
    """torch's wheels need no nvcc and no CUDA_HOME."""
    assert judge(toolkit_missing, Messages(), Toolkit(nvcc="", cuda_home=""), TORCH).findings == ()


def test_silent_on_other_messages() -> None:
    other = Messages(messages=(Message(key="torch-driver-too-old", text="too old"),))
    assert judge(toolkit_missing, other, Toolkit(nvcc=""), TORCH).findings == ()


def test_skipped_where_no_messages_were_read() -> None:
    assert judge(toolkit_missing, Toolkit(nvcc=""), TORCH).result.status == "skipped"
