from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Distribution, TorchInstall
from envdoctor_checks.torch.shadowed_module import shadowed_module
from healthy import PYTHON, TORCH

DIST = Distribution(name="torch", version="2.5.1", location="/opt/venv/lib")


def test_fires_on_a_torch_py() -> None:
    hidden = TorchInstall(present=False, module_kind="shadow", module_file="/job/torch.py", distributions=(DIST,))
    [finding] = judge(shadowed_module, hidden, PYTHON).findings
    assert finding.title == "/job/torch.py hides torch 2.5.1"
    assert finding.fix[0].command == "mv /job/torch.py /job/my_torch.py"


def test_fires_on_a_folder() -> None:
    [finding] = judge(
        shadowed_module, TorchInstall(module_kind="shadow", module_file="/job/torch/__init__.py")
    ).findings
    assert finding.title == "/job/torch/__init__.py is not PyTorch"
    assert finding.fix[0].command == "mv /job/torch /job/torch_renamed"


def test_fires_on_the_remains_of_an_uninstall() -> None:
    [finding] = judge(
        shadowed_module, TorchInstall(module_kind="namespace", module_file="/opt/venv/lib/torch"), PYTHON
    ).findings
    assert finding.title == "/opt/venv/lib/torch is a folder without __init__.py: remains of a torch, not PyTorch"
    assert finding.fix[0].command == "rm -r /opt/venv/lib/torch && /opt/venv/bin/python -m pip install torch"


def test_what_is_still_on_record_is_installed_anew() -> None:
    """pip says "already satisfied" otherwise."""
    file = "/home/someone/projects/envs/training/lib/python3.11/site-packages/torch"
    remains = TorchInstall(module_kind="namespace", module_file=file, distributions=(DIST,))
    [finding] = judge(shadowed_module, remains, PYTHON).findings
    assert finding.title.endswith("remains of a torch, not PyTorch")
    assert (finding.fix[0].command or "").endswith("-m pip install --force-reinstall torch==2.5.1")


def test_silent_on_the_package() -> None:
    assert judge(shadowed_module, TORCH).findings == ()


def test_skipped_where_nothing_is_found_or_known() -> None:
    assert judge(shadowed_module, TorchInstall(present=False)).result.status == "skipped"
