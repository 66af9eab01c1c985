"""What is installed in the examined interpreter: read from its files, without importing torch or any package."""

import glob
import importlib.util
import os
import platform
import re
import struct
import sys

_spec = importlib.util.spec_from_file_location(
    "channel", os.path.join(os.path.dirname(os.path.abspath(__file__)), "channel.py")
)
channel = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(channel)

# The path as `python -c` has it: the working folder in front, not this one.
if not getattr(sys.flags, "safe_path", False):
    sys.path[0] = ""
else:
    sys.path = [entry for entry in sys.path if os.path.abspath(entry) != os.path.dirname(os.path.abspath(__file__))]

MATTERS = re.compile(
    r"(torch|nvidia-.*|cuda-.*|pytorch-.*|triton.*|torchvision|torchaudio|torchtext|torchao|torchdata|torch-.*|flash-attn.*|flashinfer.*|"
    r"xformers|bitsandbytes|apex|deepspeed|vllm|sglang|onnxruntime.*|tensorflow.*|tf-nightly|jax.*|cupy.*|transformer-engine.*|"
    r"llama-cpp-python|ctranslate2|paddlepaddle.*|faiss-gpu.*|auto-gptq|gptqmodel|autoawq|mamba-ssm|causal-conv1d|pyg-lib|"
    r"numba|numba-cuda|numpy|intel-extension-for-pytorch|envdoctor|torch-envdoctor)$"
)
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
        folder = os.path.abspath(entry or ".")
        if folder not in seen and os.path.isdir(folder):
            seen.append(folder)
    return seen


def metadata(folder, entry):
    """Name, version and requirements of a dist-info or egg-info folder; None where it has none."""
    path = os.path.join(folder, entry)
    inner = "METADATA" if entry.endswith(".dist-info") else "PKG-INFO"
    text = read(os.path.join(path, inner) if os.path.isdir(path) else path)
    if text is None:
        return None
    found = {"requires": []}
    for line in text.partition("\n\n")[0].splitlines():
        key, _, value = line.partition(": ")
        if key == "Name":
            found["name"] = normal(value.strip())
        elif key == "Version":
            found["version"] = value.strip()
        elif key == "Requires-Dist":
            found["requires"].append(value.strip())
    return found if "name" in found and "version" in found else None


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
    direct = read(os.path.join(path, "direct_url.json"), 4096) or ""
    found["editable"] = '"editable": true' in direct or '"editable":true' in direct
    keep = re.compile(r"(torch|nvidia-|cuda-|triton|pytorch-)", re.I)
    found["requires"] = [text for text in found["requires"] if keep.match(text)]
    found.update(built_for(found["name"], found["version"], folder))
    return found


def assigned(text, name):
    """The value of ``name = 'text'`` in a Python file; None: not there, or None there."""
    match = re.search(r"^%s\b[^=\n]*=\s*(?:'([^']*)'|\"([^\"]*)\"|None)" % name, text, re.M)
    if match is None:
        return None
    return match.group(1) or match.group(2)


def built_for(name, version, folder):
    """The torch and the CUDA that an extension was compiled with, where the package says so."""
    found = {}
    tail = version.partition("+")[2]
    local = re.search(r"(?:torch|pt)(\d+(?:\.\d+)+)", tail)
    cuda = re.search(r"cu(\d\d)(\d+?)(?=torch|pt|cxx|\D|$)", tail)
    if local:
        found["built_for_torch"] = local.group(1)
    if cuda:
        found["built_for_cuda"] = "%s.%s" % cuda.groups()
    elif tail == "cpu" or tail.startswith("cpu."):
        found["built_for_cuda"] = "cpu"
    if name in ("torchvision", "torchaudio"):
        text = read(os.path.join(folder, name, "version.py")) or ""
        said = assigned(text, "cuda")
        if said:
            found["built_for_cuda"] = said
    if name == "xformers":
        found.update(xformers_build(folder))
    return found


def xformers_build(folder):
    """What xformers baked in at build time."""
    text = read(os.path.join(folder, "xformers", "cpp_lib.json"))
    if text is None:
        return {}
    match = re.search(r'"torch":\s*"([^"+]+)', text)
    cuda = re.search(r'"cuda":\s*"?(\d+)', text)
    found = {}
    if match:
        found["built_for_torch"] = match.group(1)
    if cuda:
        number = int(cuda.group(1))
        found["built_for_cuda"] = "%d.%d" % (number // 100, number % 100) if number > 100 else str(number)
    return found


def installed():
    """Every distribution that matters, in path order."""
    found = []
    for folder in folders():
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
        r"(pytorch|torchvision|torchaudio|cudatoolkit|cuda-.*|cudnn|nccl|libcublas|libcufft|libtorch)-\d"
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


def torch_module():
    """What ``import torch`` would load, and what kind of thing that is."""
    try:
        spec = importlib.util.find_spec("torch")
    except (ImportError, ValueError, AttributeError, OSError):
        return {"module_file": None}
    if spec is None:
        return {"module_file": "", "present": False}
    places = list(spec.submodule_search_locations or ())
    folder = os.path.abspath(places[0]) if places else None
    origin = spec.origin if spec.origin not in (None, "namespace") else None
    found = {"module_file": os.path.abspath(origin) if origin else folder}
    is_torch = folder is not None and (
        os.path.exists(os.path.join(folder, "version.py")) or bool(glob.glob(os.path.join(glob.escape(folder), "_C*")))
    )
    if origin is None:
        found["module_kind"] = "namespace"
    else:
        found["module_kind"] = "package" if is_torch else "shadow"
    found["present"] = found["module_kind"] == "package"
    if is_torch and folder is not None:
        found.update(torch_files(folder))
    return found


def torch_files(folder):
    """Version and build of a torch package, from torch/version.py and torch/lib."""
    text = read(os.path.join(folder, "version.py"))
    found = {"location": os.path.dirname(folder)}
    if text is not None:
        found["version"] = assigned(text, "__version__")
        for key in ("cuda", "hip", "xpu"):
            found[key] = assigned(text, key) or ""
        found["git"] = assigned(text, "git_version")
    lib = names(os.path.join(folder, "lib"))
    if lib:
        found["has_cuda_library"] = any(name.startswith(("libtorch_cuda", "torch_cuda")) for name in lib)
    return found


def libc():
    """``glibc 2.36`` or ``musl``."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError, AttributeError):
        return "musl" if glob.glob("/lib/ld-musl-*") else None


def interpreter():
    """The interpreter itself."""
    digits = "%d%d" % sys.version_info[:2]
    free_threaded = bool(__import__("sysconfig").get_config_var("Py_GIL_DISABLED"))
    abi = "cp" + digits + ("t" if free_threaded else "")
    stdlib = __import__("sysconfig").get_path("stdlib")
    return {
        "path": sys.executable,
        "real_path": os.path.realpath(sys.executable),
        "version": platform.python_version(),
        "implementation": sys.implementation.name,
        "tags": ["cp%s-%s" % (digits, abi), "cp%s-abi3" % digits, "py3-none"],
        "machine": platform.machine(),
        "bits": struct.calcsize("P") * 8,
        "libc": libc(),
        "free_threaded": free_threaded,
        "debug": hasattr(sys, "gettotalrefcount"),
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "virtual_env": sys.prefix != sys.base_prefix,
        "conda_prefix": sys.prefix if os.path.isdir(os.path.join(sys.prefix, "conda-meta")) else "",
        "sys_path": [str(entry) for entry in sys.path],
        "externally_managed": sys.prefix == sys.base_prefix
        and os.path.exists(os.path.join(stdlib, "EXTERNALLY-MANAGED")),
        "has_pip": importlib.util.find_spec("pip") is not None,
    }


def marker_environment():
    """The values of PEP 508's markers in this interpreter."""
    return {
        "implementation_name": sys.implementation.name,
        "implementation_version": platform.python_version(),
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": "%d.%d" % sys.version_info[:2],
        "sys_platform": sys.platform,
    }


def main():
    """Three stages, each with what it found."""
    channel.enter("interpreter")
    channel.leave("interpreter", interpreter=interpreter(), markers=marker_environment())
    channel.enter("distributions")
    channel.leave("distributions", distributions=installed() + conda_packages())
    channel.enter("torch")
    channel.leave("torch", torch=torch_module())


main()
