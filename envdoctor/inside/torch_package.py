"""What the files of a torch package tell, without importing it: the folder ``torch`` of a package folder."""

import importlib.util
import os
import re

_spec = importlib.util.spec_from_file_location(
    "distributions", os.path.join(os.path.dirname(os.path.abspath(__file__)), "distributions.py")
)
distributions = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(distributions)


def assigned(text, name):
    """The value of ``name = 'text'`` in a Python file; None: not there, or None there."""
    match = re.search(r"^%s\b[^=\n]*=\s*(?:'([^']*)'|\"([^\"]*)\"|None)" % name, text, re.M)
    if match is None:
        return None
    return match.group(1) or match.group(2)


def is_pytorch(folder):
    """Whether a torch/ is PyTorch as it is installed. One that only lies in a source tree has neither of its compiled files."""
    if any(name.startswith("_C.") and name.endswith((".so", ".pyd")) for name in distributions.names(folder)):
        return True
    lib = os.path.join(folder, "lib")
    return any(name.startswith(("libtorch", "torch_")) for name in distributions.names(lib)) or (
        os.path.exists(os.path.join(folder, "version.py")) and os.path.isdir(lib)
    )


def torch_files(folder):
    """Version and build of a torch package, from torch/version.py and torch/lib."""
    text = distributions.read(os.path.join(folder, "version.py"))
    found = {"location": os.path.dirname(folder)}
    if text is not None:
        found["version"] = assigned(text, "__version__")
        for key in ("cuda", "hip", "xpu"):
            found[key] = assigned(text, key) or ""
        found["git"] = assigned(text, "git_version")
    lib = distributions.names(os.path.join(folder, "lib"))
    if lib:
        found["has_cuda_library"] = any(name.startswith(("libtorch_cuda", "torch_cuda")) for name in lib)
    return found
