"""torch.duplicate-installs"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import torch_works
from envdoctor.diagnose.remedy import pip_install, pip_uninstall
from envdoctor.facts import Distribution, Environment, Interpreter, TorchInstall, TorchRuntime


@check(
    "torch.duplicate-installs",
    fields=("torch_install.distributions",),
    explains=("torch.import-fails", "torch.pinned-libs-mismatch", "torch.cpu-only-build"),
)
def duplicate_installs(
    torch_install: TorchInstall,
    interpreter: Interpreter | None,
    torch_runtime: TorchRuntime | None,
    environment: Environment | None,
) -> Iterator[Finding]:
    """Two torch installations are on the interpreter's path, and the wrong one can win.

    What it means:
    Two dist-infos in one folder mean that one was installed over the other and files of both are mixed. Two in different folders (a user
    site and an environment, say) mean that the first on the path is imported, and pip speaks of the other.

    How to confirm it by hand:
    `<interpreter> -m pip list -v | grep -i '^torch '`; `<interpreter> -c "import torch; print(torch.__file__, torch.__version__)"`.

    Ways out:
    Uninstall torch until pip says that it is not installed, then install it once. For a user site in the way: `PYTHONNOUSERSITE=1`.

    Often mistaken for:
    A failed upgrade of the driver: `torch.__version__` is not what pip shows.
    """
    distributions = torch_install.distributions
    versions = list(dict.fromkeys(dist.version for dist in distributions))
    places = list(dict.fromkeys(dist.location for dist in distributions))
    if len(distributions) < 2 or (len(versions) < 2 and len(places) < 2):
        return
    first, second = (
        distributions[0],
        next(
            d
            for d in distributions[1:]
            if d.version != distributions[0].version or d.location != distributions[0].location
        ),
    )
    mixed = first.location == second.location
    wins = torch_install.version or first.version
    where = "in one folder" if mixed else f"the one in {_short(first)} wins"
    harmless = torch_works(torch_runtime) and not mixed
    only_cpu = all(dist.version.endswith("+cpu") for dist in distributions)  # then whichever wins is the same trouble
    remove = pip_uninstall(interpreter, "torch")
    again = pip_install(interpreter, "torch==" + wins.partition("+")[0])
    yield Finding(
        title=f"torch {first.version} and torch {second.version} are both installed, {where}",
        detail=f"import torch gives {wins} from {torch_install.location}."
        + (" Files of both are mixed there." if mixed else " pip may speak of the other."),
        severity="info" if only_cpu else "warning" if harmless or (not mixed and len(versions) == 1) else "error",
        evidence=tuple(dist.says("version", f"torch {dist.version} in {dist.location}") for dist in distributions),
        fix=(
            *_out_of_the_path(first, environment, mixed=mixed),
            Fix("Remove every copy, then install torch once", f"{remove} && {remove}; {again}"),
        ),
    )


def _out_of_the_path(winner: Distribution, environment: Environment | None, *, mixed: bool) -> Iterator[Fix]:
    """The way that leaves the copy which wins where it is: it is on the path only by a variable, or by the user's own folder."""
    if mixed:
        return
    value = (environment.get("PYTHONPATH") if environment is not None else None) or ""
    entries = [entry for entry in value.split(":") if entry]
    rest = [entry for entry in entries if entry.rstrip("/") != winner.location]
    if len(rest) < len(entries):
        command = f"export PYTHONPATH={shlex.quote(':'.join(rest))}" if rest else "unset PYTHONPATH"
        yield Fix(f"Take {winner.location} out of PYTHONPATH", command)
    elif "/.local/lib/python" in winner.location:
        yield Fix("Leave out what is installed in the user's own folder", "export PYTHONNOUSERSITE=1")


def _short(dist: Distribution) -> str:
    return dist.location if len(dist.location) < 50 else "…" + dist.location[-49:]
