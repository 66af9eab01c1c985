from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Distribution, TorchInstall
from envdoctor_checks.torch.not_installed import not_installed
from healthy import CUDA, PYTHON, TORCH


def test_fires_without_torch() -> None:
    [finding] = judge(not_installed, TorchInstall(present=False), PYTHON, CUDA).findings
    assert finding.title == "/opt/venv/bin/python (Python 3.11.7) has no torch"
    assert (finding.fix[0].command or "").startswith("/opt/venv/bin/python -m pip install")


def test_silent_with_torch_or_something_that_hides_it() -> None:
    assert judge(not_installed, TORCH, PYTHON).findings == ()
    assert (
        judge(
            not_installed, TorchInstall(present=False, module_kind="shadow", module_file="/w/torch.py"), PYTHON
        ).findings
        == ()
    )


def test_skipped_where_nobody_could_look() -> None:
    assert judge(not_installed, TorchInstall()).result.status == "skipped"


def test_fires_where_only_the_metadata_is_left() -> None:
    remains = (Distribution(name="torch", version="2.5.1", location="/opt/venv/lib"),)
    gone = TorchInstall(present=False, module_file="", distributions=remains)
    [finding] = judge(not_installed, gone, PYTHON, CUDA).findings
    assert finding.title.endswith(" has no torch: only the metadata of torch 2.5.1 is left of it")
    assert "torch==2.5.1" in (finding.fix[0].command or "")
    listed = TorchInstall(present=False, distributions=remains)
    assert judge(not_installed, listed, PYTHON).findings == ()
