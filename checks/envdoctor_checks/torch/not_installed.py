"""torch.not-installed"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, check
from envdoctor.diagnose.predicates import compute_capabilities, driver_cuda
from envdoctor.diagnose.remedy import torch_wheel
from envdoctor.facts import CudaDriver, Interpreter, Nvml, TorchInstall


@check("torch.not-installed", fields=("torch_install.present",), explains=("torch.import-fails",))
def not_installed(
    torch_install: TorchInstall, interpreter: Interpreter | None, cuda_driver: CudaDriver | None, nvml: Nvml | None
) -> Iterator[Finding]:
    """The examined interpreter has no torch.

    What it means:
    `import torch` fails with "No module named 'torch'" in this interpreter. Another one on this machine may have it.

    How to confirm it by hand:
    `<interpreter> -c "import torch"`.

    Ways out:
    Install torch into this interpreter's environment, or run your program with the interpreter that has it.

    Often mistaken for:
    A broken installation: `pip` and `python` on PATH can belong to different environments (python.wrong-interpreter).
    """
    left = torch_install.distributions[0] if torch_install.distributions else None
    if torch_install.present or torch_install.module_kind is not None:
        return
    if left is not None and torch_install.module_file != "":
        return  # a list of packages has it, and nobody looked for the files
    path = interpreter.path if interpreter is not None else "the examined interpreter"
    version = f" (Python {interpreter.version})" if interpreter is not None and interpreter.version else ""
    remains = f": only the metadata of torch {left.version} is left of it" if left is not None else ""
    yield Finding(
        title=f"{path}{version} has no torch{remains}",
        evidence=(
            torch_install.says("present", "no torch"),
            *((left.says("location", f"torch {left.version} in {left.location}"),) if left is not None else ()),
            *(
                (interpreter.says("path", f"{interpreter.path} ({interpreter.chosen_by})"),)
                if interpreter is not None
                else ()
            ),
        ),
        fix=(
            torch_wheel(
                interpreter,
                driver_cuda=driver_cuda(cuda_driver, nvml),
                compute_capabilities=compute_capabilities(cuda_driver, nvml),
                torch_version=left.version.partition("+")[0] if left is not None else None,
            ),
        ),
    )
