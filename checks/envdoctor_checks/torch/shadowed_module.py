"""torch.shadowed-module"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.remedy import pip_install
from envdoctor.facts import Interpreter, TorchInstall

ECHOES = (
    "torch.import-fails",
    "torch.not-installed",
    "torch.cpu-only-build",
    "torch.duplicate-installs",
    "cudnn.*",
    "nccl.*",
    "cuda.runtime-mismatch",
)


@check("torch.shadowed-module", fields=("torch_install.module_kind",), explains=ECHOES)
def shadowed_module(torch_install: TorchInstall, interpreter: Interpreter | None) -> Iterator[Finding]:
    """A local file or folder called torch hides the real package.

    What it means:
    Python takes the first `torch` on its path, and the folder of the script (or the working folder) stands first. A torch.py there, or the
    remains of an uninstalled torch/, is imported in place of PyTorch: "module 'torch' has no attribute …".

    How to confirm it by hand:
    `<interpreter> -c "import torch; print(torch.__file__)"`.

    Ways out:
    Rename the file (and delete its __pycache__), or start from another folder. Remains of an uninstall: delete the folder, install again.

    Often mistaken for:
    A broken installation, or a circular import.
    """
    kind, file = torch_install.module_kind, torch_install.module_file or "?"
    if kind not in ("shadow", "namespace"):
        return
    real = torch_install.distributions[0] if torch_install.distributions else None
    hidden = f" hides torch {real.version}" if real is not None else " is not PyTorch"
    if kind == "namespace":
        title = f"{_short(file, 35)} is a folder without __init__.py: remains of a torch, not PyTorch"
        # What is on record counts as installed, whatever is left of it.
        again = pip_install(interpreter, f"torch=={real.version}" if real else "torch", reinstall=real is not None)
        fix = Fix("Delete the remains and install torch again", f"rm -r {shlex.quote(file)} && {again}")
    else:
        title = f"{_short(file)}{hidden}"
        name = "my_torch.py" if file.endswith("torch.py") else None
        place = file.rpartition("/")[0]
        move = (
            f"mv {shlex.quote(file)} {shlex.quote(f'{place}/{name}')}"
            if name
            else f"mv {shlex.quote(place)} {shlex.quote(place + '_renamed')}"
        )
        fix = Fix("Rename it, so that import torch finds the package", move)
    yield Finding(
        title=title,
        detail="Python takes the first torch on its path.",
        evidence=(
            torch_install.says("module_file"),
            *((real.says("version", f"torch {real.version} in {real.location}"),) if real is not None else ()),
        ),
        fix=(fix,),
    )


def _short(path: str, room: int = 60) -> str:
    return path if len(path) <= room else "…" + path[1 - room :]
