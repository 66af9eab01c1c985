"""The installed distributions that matter to torch and GPUs, from the folders of sys.path.

importlib.metadata would read the metadata of every one of some hundreds; the folders' names tell which are worth reading.
"""

import glob
import importlib.util
import os
import re
import sys

_spec = importlib.util.spec_from_file_location(
    "built_for", os.path.join(os.path.dirname(os.path.abspath(__file__)), "built_for.py")
)
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
built_for = _module.built_for

MATTERS = re.compile(
    r"(torch|nvidia-.*|cuda-.*|pytorch-.*|triton.*|torchvision|torchaudio|torchtext|torchao|torchdata|torch-.*|flash-attn.*|flashinfer.*|"
    r"xformers|bitsandbytes|apex|deepspeed|vllm|sglang|onnxruntime.*|tensorflow.*|tf-nightly|jax.*|cupy.*|transformer-engine.*|"
    r"llama-cpp-python|ctranslate2|paddlepaddle.*|faiss-gpu.*|auto-gptq|gptqmodel|autoawq|mamba-ssm|causal-conv1d|pyg-lib|"
    r"numba|numba-cuda|numpy|intel-extension-for-pytorch|envdoctor|torch-envdoctor)$"
)
KEPT = re.compile(r"(torch|nvidia-|cuda-|triton|pytorch-)", re.I)
"""The requirements that tell something about torch and CUDA."""
LIMIT = 1 << 20


def read(path, limit=LIMIT):
    """The text of a file; None where it cannot be read."""
    try:
        with open(path, "rb") as stream:
            return stream.read(limit).decode("utf-8", "replace")
    except (OSError, ValueError):
        return None


def normal(name):
    """A distribution's name as PEP 503 writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def names(folder):
    """The names in a folder; none where it cannot be read."""
    try:
        return sorted(os.listdir(folder or "."))
    except OSError:
        return []


def folders():
    """The folders on sys.path, each once, in order."""
    seen = []
    for entry in sys.path:
        if not isinstance(entry, str):
            continue  # the import system skips it too
        folder = os.path.abspath(entry or ".")
        if folder not in seen and os.path.isdir(folder):
            seen.append(folder)
    return seen


def metadata(folder, entry):
    """Name, version and requirements of a dist-info or egg-info folder. Where its metadata cannot be read, what its own name says."""
    path = os.path.join(folder, entry)
    inner = "METADATA" if entry.endswith(".dist-info") else "PKG-INFO"
    text = read(os.path.join(path, inner) if os.path.isdir(path) else path) or ""
    found = {}
    for line in text.replace("\r\n", "\n").partition("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        if key == "Name":
            found["name"] = normal(value.strip())
        elif key == "Version":
            found["version"] = value.strip()
        elif key == "Requires-Dist":
            found.setdefault("requires", []).append(value.strip())
    if "name" in found and "version" in found:
        found.setdefault("requires", [])
        return found
    stem = entry.rsplit(".", 1)[0].split("-")
    return {"name": normal(stem[0]), "version": stem[1], "requires": None} if len(stem) > 1 else None


def distribution(folder, entry):
    """One installed distribution that matters; None for the others."""
    stem = entry.rsplit(".", 1)[0]
    if not MATTERS.match(normal(stem.split("-", 1)[0])):
        return None
    found = metadata(folder, entry)
    if found is None or not MATTERS.match(found["name"]):
        return None
    path = os.path.join(folder, entry)
    found["location"] = folder
    found["installer"] = (read(os.path.join(path, "INSTALLER"), 200) or "").strip()
    wheel = read(os.path.join(path, "WHEEL"), 4096) or ""
    found["wheel_tag"] = next((line[5:].strip() for line in wheel.splitlines() if line.startswith("Tag: ")), None)
    address = read(os.path.join(path, "direct_url.json"), 4096) or ""
    found["editable"] = re.search(r'"editable":\s*true', address) is not None
    if found["requires"] is not None:
        found["requires"] = [text for text in found["requires"] if KEPT.match(text)]
    found.update(built_for(found["name"], found["version"], folder, found["requires"] or (), address))
    return found


def installed(places=None):
    """Every distribution that matters in the folders `places` (None: those of sys.path), in path order."""
    found = []
    for folder in folders() if places is None else places:
        for entry in names(folder):
            if entry.endswith((".dist-info", ".egg-info")):
                one = distribution(folder, entry)
                if one is not None:
                    found.append(one)
    return found


def conda_packages():
    """What conda put into this environment: no dist-info tells of its CUDA libraries."""
    found = []
    wanted = re.compile(
        r"(pytorch|pytorch-cuda|pytorch-gpu|torchvision|torchaudio|cudatoolkit|cuda-.*|cudnn|nccl|lib(cu[a-z]+|nv[a-z]+|torch))-\d"
    )
    for path in glob.glob(os.path.join(glob.escape(sys.prefix), "conda-meta", "*.json")):
        stem = os.path.basename(path)[:-5]
        if wanted.match(stem) and stem.count("-") >= 2:
            name, version, build = stem.rsplit("-", 2)
            found.append(
                {
                    "name": "conda:" + name,
                    "version": version,
                    "location": sys.prefix,
                    "installer": "conda",
                    "wheel_tag": build,
                }
            )
    return found
