"""cuda.toolkit-mismatch"""

from __future__ import annotations

import re
from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, Severity, check
from envdoctor.diagnose.predicates import torch_cuda, torch_version
from envdoctor.diagnose.said import confidence_of, pointing_at, quoted
from envdoctor.facts import Messages, Toolkit, TorchInstall, TorchRuntime

DETECTED = re.compile(
    r"detected CUDA version \((?P<nvcc>[\d.]+)\).*?(?:PyTorch|Pytorch)[^(]*\((?P<torch>[\d.]+)\)", re.DOTALL
)
MINOR_ONLY = "build-cuda-minor-mismatch"
"""torch itself only warns then, and goes on."""


@check("cuda.toolkit-mismatch", fields=("toolkit.nvcc_version|messages.messages",))
def toolkit_mismatch(
    toolkit: Toolkit | None,
    messages: Messages | None,
    torch_install: TorchInstall | None,
    torch_runtime: TorchRuntime | None,
) -> Iterator[Finding]:
    """The CUDA toolkit that extensions are compiled with is of another major version than torch's CUDA.

    What it means:
    Running torch does not use the toolkit at all. Compiling an extension does, and torch refuses an nvcc of another CUDA major version
    than its own; another minor version is allowed. As long as nothing has to be compiled this is only a note.

    How to confirm it by hand:
    `nvcc --version` against `python -c 'import torch; print(torch.version.cuda)'`.

    Ways out:
    Install the toolkit of torch's CUDA version beside the other one and set CUDA_HOME to it; or take a torch that is built for the CUDA
    of the toolkit you have; or take a ready wheel of the extension.

    Often mistaken for:
    The reason why torch.cuda.is_available() is False: it never is. "CUDA Version" of nvidia-smi is the driver's, not the toolkit's.
    """
    cuda, version = torch_cuda(torch_install, torch_runtime), torch_version(torch_install, torch_runtime)
    said = next(iter(pointing_at(messages, "cuda.toolkit-mismatch")), None)
    if said is not None and messages is not None:
        match = DETECTED.search(said.text)
        found = match["nvcc"] if match else toolkit.nvcc_version if toolkit is not None else None
        wanted = match["torch"] if match else cuda
        severity: Severity = "info" if said.key == MINOR_ONLY else "error"
        clash = f"nvcc is of CUDA {found}; torch is built for {wanted}, and the build stops" if found and wanted else ""
        if severity == "info":
            clash = clash.removesuffix(", and the build stops")
        yield Finding(
            title=clash or f"The toolkit does not fit torch: {quoted(said, 66)}",
            severity=severity,
            detail="Only the compiling of extensions is affected.",
            evidence=(
                messages.says("messages", said.text),
                *((toolkit.says("nvcc"),) if toolkit and toolkit.nvcc else ()),
            ),
            fix=_ways_out(wanted, toolkit),
            confidence=confidence_of(said),
        )
        return
    if toolkit is None or not toolkit.nvcc_version or not cuda:
        return
    if toolkit.nvcc_version.partition(".")[0] != cuda.partition(".")[0]:
        yield Finding(
            title=f"nvcc is of CUDA {toolkit.nvcc_version}; torch {version} is built for CUDA {cuda}",
            severity="info",
            detail="torch runs without the toolkit. Compiling an extension with this nvcc would be refused.",
            evidence=(toolkit.says("nvcc", f"{toolkit.nvcc} = {toolkit.nvcc_version}"),),
            fix=_ways_out(cuda, toolkit),
        )


def _ways_out(cuda: str | None, toolkit: Toolkit | None) -> tuple[Fix, ...]:
    """Use a toolkit of torch's CUDA: one that is installed already, else a new one."""
    if not cuda:
        return (Fix("Compile with a toolkit of torch's CUDA version: set CUDA_HOME to it"),)
    there = next((path for path in (toolkit.installed if toolkit else ()) if path.endswith(f"-{cuda}")), None)
    if there is not None:
        return (Fix(f"Compile with {there}, which is installed", f"export CUDA_HOME={there}"),)
    package = f"cuda-toolkit-{cuda.replace('.', '-')}"
    return (
        Fix(
            f"To compile extensions, install the toolkit of CUDA {cuda} and name it",
            f"sudo apt install {package} && export CUDA_HOME=/usr/local/cuda-{cuda}",
        ),
    )
