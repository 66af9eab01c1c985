"""The torch and the CUDA that a package was compiled with, where the package says so: in its version, its address or a file of its own."""

import os
import re

QUOTED = r"[\"']%s[\"']\s*[:,]\s*[\"']?([\w.+]+)"
ASSIGNED = r"^%s\b[^=\n]*=\s*[\"']([\w.+]+)[\"']"

FILES = (
    ("torchvision", "torchvision/version.py", None, ASSIGNED % "__version__"),
    ("torchaudio", "torchaudio/version.py", None, ASSIGNED % "__version__"),
    ("xformers", "xformers/cpp_lib.json", QUOTED % "torch", QUOTED % "cuda"),
    ("deepspeed", "deepspeed/git_version_info_installed.py", QUOTED % "version", QUOTED % "cuda_version"),
    ("onnxruntime", "onnxruntime/capi/build_and_package_info.py", None, ASSIGNED % "cuda_version"),
    ("tensorflow", "tensorflow/python/platform/build_info.py", None, QUOTED % "cuda_version"),
    ("paddlepaddle", "paddle/version/__init__.py", None, ASSIGNED % "cuda_version"),
)
"""How a distribution's name begins, the file that tells, and what tells the torch and the CUDA in it."""

LIMIT = 1 << 18


def built_for(name, version, folder, requires, address):
    """``built_for_torch`` and ``built_for_cuda``, each only where something tells it.

    `requires` are its requirements, `address` is its direct_url.json: a wheel's file name keeps what its metadata drops.
    """
    found = {}
    for begins, path, torch, cuda in FILES:
        if name.startswith(begins):
            text = _read(os.path.join(folder, path))
            _put(found, "built_for_torch", _public(_first(torch, text)))
            _put(found, "built_for_cuda", _cuda(_first(cuda, text)))
    local = version.partition("+")[2] + " " + (_first(r"(?:\+|%2B)([\w.]+)", address) or "")
    _put(found, "built_for_torch", _torch(local))
    for text in requires:
        _put(found, "built_for_torch", _first(r"^torch\s*\(?==\s*([\d.]+)(?![\d.]*\*)", text))
    _put(found, "built_for_cuda", _cuda(local))
    if not name.startswith(("nvidia-", "cuda-")):
        _put(found, "built_for_cuda", _first(r"-(?:cu|cuda)(\d\d)(?:x|-|$)", name))
    if name == "llama-cpp-python":
        _put(found, "built_for_cuda", _llama(os.path.join(folder, "llama_cpp", "lib")))
    return found


def _put(found, key, value):
    if value and key not in found:
        found[key] = value


def _read(path):
    try:
        with open(path, "rb") as stream:
            return stream.read(LIMIT).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""


def _first(pattern, text):
    match = re.search(pattern, text, re.M) if pattern else None
    return match.group(1) if match else None


def _public(version):
    return version.partition("+")[0] if version else None


def _torch(local):
    """``2.5`` out of ``cu12torch2.5cxx11abiFALSE`` or ``pt25cu124``; None: it does not tell."""
    match = re.search(r"(?:torch|pt)(\d+(?:\.\d+)+)", local)
    if match:
        return match.group(1)
    match = re.search(r"(?<![a-z])pt(\d)(\d\d?)(?!\d)", local)
    return "%s.%s" % match.groups() if match else None


def _cuda(text):
    """``12.4`` out of ``0.20.1+cu124``, ``cu12torch2.5``, ``1204``, ``12.4.1`` or ``cpu``; None: it does not tell."""
    text = text or ""
    match = re.search(r"(?<![a-z])cu(\d\d)(\d)?(?!\d)", text)
    if match:
        return ".".join(filter(None, match.groups()))
    if re.search(r"(?:^|[+ ])cpu\b", text):
        return "cpu"
    match = re.match(r"(\d\d)(?:\.(\d+)|(0\d|1\d))(?:\.\d+)*$", text)
    return "%s.%d" % (match.group(1), int(match.group(2) or match.group(3))) if match else None


def _llama(folder):
    """llama.cpp ships a libggml-cuda (formerly inside libllama) only where it was built with CUDA."""
    try:
        names = os.listdir(folder)
    except OSError:
        return None
    return "cpu" if any("ggml" in name for name in names) and not any("cuda" in name for name in names) else None
