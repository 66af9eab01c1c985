"""torch.import-fails"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.remedy import pip_install
from envdoctor.facts import Interpreter, ProbeDeaths, TorchInstall, TorchRuntime


@check("torch.import-fails", fields=("torch_runtime.stages|probe_deaths.deaths",))
def import_fails(
    torch_runtime: TorchRuntime | None,
    probe_deaths: ProbeDeaths | None,
    torch_install: TorchInstall | None,
    interpreter: Interpreter | None,
) -> Iterator[Finding]:
    """`import torch` does not come through: it raises, crashes, hangs or ends the process.

    What it means:
    Something on the way fails: a shared library, a damaged or half-upgraded installation, a file that hides a module. Where the reason is
    known more exactly, another finding names it, and this one is its echo.

    How to confirm it by hand:
    `<interpreter> -X faulthandler -c "import torch"`; `LD_DEBUG=libs` shows which libraries are tried.

    Ways out:
    Reinstall torch with its dependencies in a fresh virtual environment. A crash or a hang: look at the last Python frame in the evidence.

    Often mistaken for:
    A driver problem: the driver is first asked after the import.
    """
    recorded = torch_install.distributions if torch_install is not None else ()
    gone = torch_install is not None and torch_install.present is False and torch_install.module_kind is None
    if gone and not recorded:
        return
    stage = torch_runtime.stage("import") if torch_runtime is not None else None
    if stage is None or stage.status in ("ok", "skipped"):
        return
    if stage.status == "failed":
        head = " ".join((stage.error or "").split())
        title = f"import torch raises {stage.error_type}: {head}"
    else:
        where = f" in {stage.frame}" if stage.frame else ""
        title = f"{stage.error or 'import torch did not come back'}{where}"
    version = (torch_install.version if torch_install is not None else None) or (recorded[0].version if gone else None)
    wanted = f"torch=={version.partition('+')[0]}" if version else "torch"
    yield Finding(
        title=title if len(title) <= 100 else title[:99] + "…",
        detail=f"torch {version} is on record in {recorded[0].location}; its files are gone."
        if gone
        else "Nothing of torch can be used in this interpreter.",
        evidence=(
            stage.says("error"),
            *((stage.says("frame"),) if stage.frame else ()),
            *((torch_install.says("version"),) if torch_install is not None and version else ()),
        ),
        fix=(
            Fix("Reinstall torch with its dependencies", pip_install(interpreter, wanted, reinstall=True)),
            Fix(
                "Or see where it stops",
                f"{interpreter.path if interpreter else 'python3'} -X faulthandler -c 'import torch'",
            ),
        ),
    )
