"""torch.import-fails"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.remedy import pip_install, unset_variable
from envdoctor.facts import Environment, Interpreter, ProbeDeath, ProbeDeaths, TorchInstall, TorchRuntime

ACT_ON_THE_START = ("PYTHONHOME", "PYTHONPATH")
PATH = re.compile(r"(?<!\S)/(?:[^\s/:]+/)+([^\s/:]+)")
"""The first words of a loader's error are a path that fills the line; the file's name says as much."""
BEGINS = re.compile(r"(?P<python>/.+?) (?:\(Python [\d.]+\) |did not answer|was ended)")
"""How the probe of the interpreter itself says that it died: the interpreter's path, then what became of it."""


@check("torch.import-fails", fields=("torch_runtime.stages|probe_deaths.deaths",))
def import_fails(
    torch_runtime: TorchRuntime | None,
    probe_deaths: ProbeDeaths | None,
    torch_install: TorchInstall | None,
    interpreter: Interpreter | None,
    environment: Environment | None,
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
    start = probe_deaths.of("python_install") if probe_deaths is not None else None
    begins = BEGINS.match(start.detail) if start is not None and start.stage is None else None
    if probe_deaths is not None and start is not None and begins is not None:
        yield _no_start(start, begins["python"], probe_deaths, environment)
        return
    if torch_install is not None and torch_install.present is False and torch_install.module_kind is None:
        return
    stage = torch_runtime.stage("import") if torch_runtime is not None else None
    if torch_runtime is None or stage is None or stage.status == "skipped":
        return
    if stage.status == "ok":
        if not _is_hollow(torch_runtime, torch_install):
            return
        title = f"import torch gives a module without __version__: {torch_runtime.file or 'its file'} is damaged"
    elif stage.status == "failed":
        head = PATH.sub(r"\1", " ".join((stage.error or "").split()))
        title = f"import torch raises {stage.error_type}: {head}".removesuffix(": ")
    else:
        where = f" in {stage.frame}" if stage.frame else ""
        title = f"{stage.error or 'import torch did not come back'}{where}"
    version = torch_install.version if torch_install is not None else None
    wanted = f"torch=={version.partition('+')[0]}" if version else "torch"
    yield Finding(
        title=title,
        detail="Nothing of torch can be used in this interpreter.",
        evidence=(
            *((stage.says("error"),) if stage.error else (torch_runtime.says("file"),)),
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


def _is_hollow(runtime: TorchRuntime, install: TorchInstall | None) -> bool:
    """Whether what was imported is no torch, though it is the package's own file: an emptied ``__init__.py``."""
    return runtime.version is None and bool(runtime.file) and install is not None and install.module_kind == "package"


def _no_start(death: ProbeDeath, python: str, deaths: ProbeDeaths, environment: Environment | None) -> Finding:
    """The interpreter does not even come to the first line of a program: what it loads by itself hangs or ends it."""
    title = death.detail if "its own s" in death.detail else f"{death.detail} in its own start"
    shadows = "standard library" in death.detail
    named = [name for name in ACT_ON_THE_START if environment is not None and environment.get(name)]
    return Finding(
        title=title,
        detail="A file on PYTHONPATH or in the working folder has the name of a standard module, and Python takes it for that."
        if shadows
        else "A sitecustomize module, a line in a .pth file or PYTHONHOME acts on the start of every program of this interpreter.",
        evidence=(
            deaths.says("deaths", death.detail),
            *(
                environment.says("variables", f"{name}={environment.get(name)}")
                for name in named
                if environment is not None
            ),
        ),
        fix=(
            *(unset_variable(name) for name in named[:1]),
            Fix("See what it loads last", f"timeout 20 {shlex.quote(python)} -v -c pass 2>&1 | tail -n 20"),
            Fix("See whether it starts without them", f"{shlex.quote(python)} -I -S -c pass"),
        )[:2],
    )
