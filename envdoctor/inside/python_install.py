"""What is installed in the examined interpreter: read from its files, without importing torch or any package."""

import glob
import importlib.util
import os
import platform
import struct
import sys
import sysconfig

HERE = os.path.dirname(os.path.abspath(__file__))


def neighbour(name):
    """A module of this folder, whatever sys.path says."""
    spec = importlib.util.spec_from_file_location(name, os.path.join(HERE, name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


channel = neighbour("channel")
torch_package = neighbour("torch_package")
distributions = torch_package.distributions

# The path as `python -c` has it: the working folder in front, not this one.
if not getattr(sys.flags, "safe_path", False):
    sys.path[0] = ""
else:
    sys.path = [entry for entry in sys.path if os.path.abspath(entry) != HERE]


def torch_module():
    """What ``import torch`` would load, and what kind of thing that is."""
    try:
        spec = importlib.util.find_spec("torch")
    except Exception:  # finders of any package answer here
        return {"module_file": None}
    if spec is None:
        return {"module_file": "", "present": False}
    places = list(spec.submodule_search_locations or ())
    folder = os.path.abspath(places[0]) if places else None
    origin = spec.origin if spec.origin not in (None, "namespace") else None
    found = {"module_file": os.path.abspath(origin) if origin else folder}
    is_torch = folder is not None and torch_package.is_pytorch(folder)
    if origin is None:
        found["module_kind"] = "namespace"
    else:
        found["module_kind"] = "package" if is_torch else "shadow"
    found["present"] = found["module_kind"] == "package"
    if is_torch and folder is not None:
        found.update(torch_package.torch_files(folder))
    return found


def libc():
    """``glibc 2.36`` or ``musl``."""
    try:
        said = os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError, AttributeError):
        said = None
    return said or ("musl" if glob.glob("/lib/ld-musl-*") else None)


MACHINES = {
    3: "i686",
    20: "ppc",
    21: "ppc64le",
    22: "s390x",
    40: "armv7l",
    62: "x86_64",
    183: "aarch64",
    243: "riscv64",
}


def machine():
    """What this interpreter was built for: a 32-bit one, or an emulated one, runs under another kernel too."""
    try:
        with open("/proc/self/exe", "rb") as stream:
            head = stream.read(20)
        number = struct.unpack_from("<H" if head[5] == 1 else ">H", head, 18)[0]
    except (OSError, struct.error, IndexError):
        number = None
    return MACHINES.get(number) or platform.machine()


def tags(free_threaded):
    """Interpreter-ABI pairs of the wheels that fit, the closest first."""
    digits = "%d%d" % sys.version_info[:2]
    if sys.implementation.name == "pypy":
        return ["pp%s-pypy%s_pp%d%d" % (digits, digits, *sys.pypy_version_info[:2]), "py3-none"]
    if free_threaded:
        return ["cp%s-cp%st" % (digits, digits), "py3-none"]
    return ["cp%s-cp%s" % (digits, digits), "cp%s-abi3" % digits, "py3-none"]


def has_pip():
    """Whether ``python -m pip`` would find a pip."""
    try:
        return importlib.util.find_spec("pip") is not None
    except Exception:
        return None


def interpreter():
    """The interpreter itself."""
    free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    return {
        "path": sys.executable,
        "real_path": os.path.realpath(sys.executable),
        "version": platform.python_version(),
        "implementation": sys.implementation.name,
        "tags": tags(free_threaded),
        "machine": machine(),
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
        and os.path.exists(os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")),
        "has_pip": has_pip(),
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
    channel.leave("distributions", distributions=distributions.installed() + distributions.conda_packages())
    channel.enter("torch")
    channel.leave("torch", torch=torch_module())


main()
