"""python.wrong-interpreter"""

from __future__ import annotations

import re
from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.facts import Environment, Interpreter, OtherInterpreter, OtherInterpreters, TorchInstall


@check(
    "python.wrong-interpreter", fields=("torch_install.present", "interpreter.path"), explains=("torch.not-installed",)
)
def wrong_interpreter(
    torch_install: TorchInstall,
    interpreter: Interpreter,
    other_interpreters: OtherInterpreters,
    environment: Environment | None,
) -> Iterator[Finding]:
    """The interpreter that runs has no torch with CUDA, and another one close by has.

    What it means:
    torch was installed into one environment and the program runs in another: an environment that was not activated, a service or an
    IDE with its own interpreter, `pip` and `python` of different installations.

    How to confirm it by hand:
    `which -a python3 pip`; `<interpreter> -m pip show torch` for each.

    Ways out:
    Run the program with the interpreter that has torch (activate its environment), or install torch where the program runs.

    Often mistaken for:
    A failed installation: it worked, elsewhere.
    """
    with_cuda = [other for other in other_interpreters.interpreters if other.torch_cuda]
    absent = torch_install.present is False and not torch_install.distributions and torch_install.module_kind is None
    if not with_cuda or not (absent or torch_install.build == "cpu"):
        return
    active = (environment.get("VIRTUAL_ENV") or environment.get("CONDA_PREFIX")) if environment is not None else None
    near = [other for other in with_cuda if _is_near(other, active)]
    chosen = (near or with_cuda)[0]
    has = f"has torch {torch_install.version}" if torch_install.build == "cpu" else "has no torch"
    title = f"{interpreter.path} {has}; {chosen.path} has torch {chosen.torch_version}"
    yield Finding(
        title=title,
        severity="error" if absent and near else "info",
        detail="torch sits in another environment than the one that runs.",
        evidence=(
            interpreter.says(
                "path", f"{interpreter.path} ({interpreter.chosen_by})" if interpreter.chosen_by else None
            ),
            *(
                other.says("torch_version", f"{other.path}: torch {other.torch_version}")
                for other in (near or with_cuda)[:3]
            ),
        ),
        fix=(Fix("Run the program with the interpreter that has it", f"{chosen.path} YOUR_PROGRAM.py"),),
        confidence="likely",
    )


def _is_near(other: OtherInterpreter, active: str | None) -> bool:
    """Whether an environment is this project's own: the active one, or .venv, venv or env beside the work."""
    if active and other.path.startswith(active.rstrip("/") + "/"):
        return True
    return re.search(r"/(\.venv|venv|env)/bin/[^/]+$", other.path) is not None
