"""python.unsupported-version"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.facts import Evidence, Interpreter, Messages, Packages, System, TorchInstall, TorchRuntime
from envdoctor.knowledge.drivers import version_key
from envdoctor.knowledge.releases import releases

NO_GPU = ("tensorflow-gpu-list-empty", "tensorflow-no-gpus", "tensorflow-built-without-cuda")
SAID = ("pip-no-version-of-torch", "pip-no-distribution-of-torch", "loader-glibc-too-old")


@check(
    "python.unsupported-version",
    fields=("interpreter.version|messages.messages",),
    explains=("framework.fallback", "torch.not-installed", "torch.cpu-only-build", "torch.import-fails"),
)
def unsupported_version(
    interpreter: Interpreter | None,
    torch_install: TorchInstall | None,
    torch_runtime: TorchRuntime | None,
    messages: Messages | None,
    packages: Packages | None,
    system: System | None,
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
    reason = _reason(interpreter, torch_install) if interpreter is not None else None
    if torch_runtime is not None and torch_runtime.cuda_available is not None:
        reason = None  # it was imported: this Python has one
    native = _tensorflow_on_windows(packages, system, messages)
    if native is not None:
        yield native
        return
    if reason is None and said is None:
        return
    title, fix = reason or (
        " ".join(said.text.split()) if said is not None else "",
        Fix("Use a Python version that torch has wheels for"),
    )
    if reason is None and torch_install is not None and torch_install.present:
        return
    yield Finding(
        title=title,
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


def _tensorflow_on_windows(
    packages: Packages | None, system: System | None, messages: Messages | None
) -> Finding | None:
    """TensorFlow sees no GPU on Windows itself, and has had no GPU build for it since 2.11."""
    if packages is None or messages is None or system is None or system.platform != "windows" or system.wsl:
        return None
    row = packages.get("tensorflow")
    said = next((m for key in NO_GPU if (m := messages.has(key)) is not None), None)
    if row is None or said is None or version_key(row.version) < version_key("2.11"):
        return None
    return Finding(
        title=f"TensorFlow {row.version} has no GPU build for Windows; 2.10 was the last",
        evidence=(
            packages.says("distributions", f"tensorflow {row.version}"),
            system.says("platform"),
            messages.says("messages", said.text),
        ),
        fix=(Fix("Use TensorFlow in WSL 2", "pip install 'tensorflow[and-cuda]'"),),
    )


def _reason(interpreter: Interpreter, torch_install: TorchInstall | None) -> tuple[str, Fix] | None:
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
    pythons = {python for row in releases().values() for python in row.pythons}
    if (
        minor
        and version_key(minor) < min(map(version_key, pythons))
        and not (torch_install and torch_install.present is False)
    ):
        return None  # old torches had wheels for old Pythons
    if minor and minor not in pythons:
        make = Fix(f"Make an environment with Python {span}", f"uv venv --python {newest.pythons[-1]} .venv")
        return f"This is Python {minor}; torch {newest.version} has CUDA wheels for Python {span}", make
    return None
