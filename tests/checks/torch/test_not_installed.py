from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import TorchInstall
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
