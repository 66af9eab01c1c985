"""cuda.toolkit-missing"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import torch_cuda
from envdoctor.diagnose.said import confidence_of, pointing_at, quoted
from envdoctor.facts import Messages, Toolkit, TorchInstall, TorchRuntime


@check("cuda.toolkit-missing")
def toolkit_missing(
    messages: Messages,
    toolkit: Toolkit | None,
    torch_install: TorchInstall | None,
    torch_runtime: TorchRuntime | None,
) -> Iterator[Finding]:
    """An extension must be compiled, and there is no nvcc to do it.

    What it means:
    Running torch needs no CUDA toolkit: its wheels bring what they need. Compiling an extension (flash-attn, apex, DeepSpeed's ops, your
    own) needs nvcc, of the CUDA that torch was built with. Its build looked in CUDA_HOME, PATH and /usr/local/cuda and found none.

    How to confirm it by hand:
    `nvcc --version`; `echo $CUDA_HOME`; `python -c 'from torch.utils.cpp_extension import CUDA_HOME; print(CUDA_HOME)'`.

    Ways out:
    Take a ready wheel of the extension for your torch, if there is one. Else install the toolkit of torch's CUDA version, not the driver
    that comes along with it, and set CUDA_HOME to it.

    Often mistaken for:
    A broken GPU setup: without a build error a missing nvcc means nothing. A toolkit of another version (cuda.toolkit-mismatch).
    """
    said = next(iter(pointing_at(messages, "cuda.toolkit-missing")), None)
    if said is None:
        return
    cuda = torch_cuda(torch_install, torch_runtime)
    if toolkit is not None and toolkit.nvcc:
        yield Finding(
            title=f"A build found no CUDA toolkit; {toolkit.nvcc} is there ({toolkit.nvcc_version or 'version unknown'})",
            detail=said.text,
            evidence=(
                messages.says("messages", said.text),
                toolkit.says("nvcc"),
                toolkit.says("cuda_home", toolkit.cuda_home or "not set"),
            ),
            fix=(Fix("Say where the toolkit is", f"export CUDA_HOME={toolkit.nvcc.removesuffix('/bin/nvcc')}"),),
            confidence="likely",
        )
        return
    wanted = f"cuda-toolkit={cuda}" if cuda else "cuda-toolkit"
    begin = f"A build needs nvcc{f' of CUDA {cuda}' if cuda else ''}; none was found: "
    package = f"cuda-toolkit-{cuda.replace('.', '-')}" if cuda else "cuda-toolkit"
    yield Finding(
        title=begin + quoted(said, 100 - len(begin)),
        detail="Only the compiling of extensions is affected; torch itself needs no toolkit.",
        evidence=(
            messages.says("messages", said.text),
            *((toolkit.says("nvcc", toolkit.nvcc or "none found"),) if toolkit is not None else ()),
        ),
        fix=(
            Fix("Install the toolkit of torch's CUDA version from NVIDIA's repository", f"sudo apt install {package}"),
            Fix("Or into a conda environment, without root", f"conda install -c nvidia {wanted}"),
        ),
        confidence=confidence_of(said),
    )
