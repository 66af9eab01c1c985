"""python.unsupported-version"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.facts import Evidence, Interpreter, Messages, TorchInstall, TorchRuntime
from envdoctor.knowledge.drivers import version_key
from envdoctor.knowledge.releases import releases

SAID = ("pip-no-version-of-torch", "pip-no-distribution-of-torch", "loader-glibc-too-old")


@check(
    "python.unsupported-version",
    fields=("interpreter.version|messages.messages",),
    explains=("torch.not-installed", "torch.cpu-only-build", "torch.import-fails"),
)
def unsupported_version(
    interpreter: Interpreter | None,
    torch_install: TorchInstall | None,
    torch_runtime: TorchRuntime | None,
    messages: Messages | None,
) -> Iterator[Finding]:
    """No CUDA wheel of torch exists for this Python, C library or machine.

    What it means:
    torch publishes wheels for a span of CPython versions, for glibc (not musl) from a certain version on, and for 64-bit x86 and Arm. Elsewhere
    pip finds "no matching distribution", or a source or CPU package only.

    How to confirm it by hand:
    `<interpreter> -m pip debug --verbose` lists the tags that it accepts; `ldd --version` names the C library.

    Ways out:
    Make a virtual environment with a Python that torch supports; use a distribution with glibc in place of Alpine; update an old system.

    Often mistaken for:
    A network or index problem.
    """
    if torch_install is not None and torch_install.build in ("cuda", "rocm", "xpu"):
        return
    if torch_runtime is not None and (torch_runtime.cuda or torch_runtime.works):
        return
    said = next((m for key in SAID if messages is not None and (m := messages.has(key)) is not None), None)
    reason = _reason(interpreter) if interpreter is not None else None
    if reason is None and said is None:
        return
    title, fix = reason or (
        " ".join(said.text.split()) if said is not None else "",
        Fix("Use a Python version that torch has wheels for"),
    )
    if reason is None and torch_install is not None and torch_install.present:
        return
    yield Finding(
        title=title[:100],
        evidence=(
            *(
                (interpreter.says("version"), Evidence(interpreter.source("libc"), str(interpreter.libc)))
                if interpreter is not None
                else ()
            ),
            *((messages.says("messages", said.text),) if messages is not None and said is not None else ()),
        ),
        fix=(fix,),
        confidence="certain" if reason else "likely",
    )


def _reason(interpreter: Interpreter) -> tuple[str, Fix] | None:
    """What of the interpreter no wheel fits, and the way out; None: some wheel fits."""
    newest = max(releases().values(), key=lambda row: version_key(row.version))
    span = f"{newest.pythons[0]} to {newest.pythons[-1]}"
    minor = ".".join((interpreter.version or "").split(".")[:2])
    if interpreter.libc is not None and interpreter.libc.startswith("musl"):
        return f"This Python uses {interpreter.libc}; torch's wheels need glibc", Fix(
            "Use an image or system with glibc (Debian, Ubuntu, …) in place of Alpine"
        )
    if interpreter.bits == 32:
        return "This Python is a 32-bit one; torch's wheels are 64-bit only", Fix("Install a 64-bit Python")
    if interpreter.implementation not in (None, "cpython"):
        return f"This Python is {interpreter.implementation}; torch's CUDA wheels are for CPython", Fix("Use CPython")
    if minor and not any(minor in row.pythons for row in releases().values()):
        make = Fix(f"Make an environment with Python {span}", f"uv venv --python {newest.pythons[-1]} .venv")
        return f"This is Python {minor}; torch {newest.version} has CUDA wheels for Python {span}", make
    return None
