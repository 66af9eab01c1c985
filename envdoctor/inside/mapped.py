"""Every NVIDIA and torch library in this process's memory map, with the version that the library itself answers.

Nothing new is loaded (RTLD_NOLOAD), but for cuDNN's parts, which cuDNN itself is asked to load as it would at first use.
"""

import ctypes
import os
import re
import sys

WANTED = re.compile(
    r"/lib(cuda|cudart|cublas\w*|nvblas|cudnn\w*|nccl|nvrtc(-builtins)?|cusparse|cusparseLt|cusolver|cusolverMg|cufft|cufftw|curand|nvJitLink|"
    r"cupti|cufile|cufile_rdma|nvshmem_host|nvToolsExt|nvtx3interop|cutensor\w*|nvjpeg|npp\w+|nvfatbin|nvvm|nvidia-\w[\w-]*|"
    r"torch\w*|c10\w*|caffe2\w*|shm|amdhip64|hsa-runtime64|rccl|MIOpen|rocblas)(-[0-9a-f]{8,})?\.so"
)

opened = {}
"""Real path of each library that Python code opened by its path before anything else had it loaded, and who did."""


def watch():
    """Note from now on what Python code opens by path: torch does that with the wheels' libraries, and then no search decides."""
    sys.addaudithook(_heard)


def _heard(event, arguments):
    if event != "ctypes.dlopen" or not isinstance(arguments[0], str) or not WANTED.search(arguments[0]):
        return
    path = os.path.realpath(arguments[0])
    if os.path.isabs(arguments[0]) and path not in opened and path not in paths():
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_globals.get("__name__") == "ctypes":
            frame = frame.f_back
        opened[path] = "%s of %s" % (frame.f_code.co_name, frame.f_globals.get("__name__"))


def paths():
    """The mapped files, in the order of their addresses, each once; none where /proc cannot be read."""
    seen = []
    try:
        with open("/proc/self/maps", errors="surrogateescape") as maps:
            lines = maps.read().split("\n")
    except OSError:
        return seen
    for path in lines:
        start = path.find("/")
        if start < 0:
            continue
        path = path[start:]
        if path.endswith(" (deleted)"):
            path = path[: -len(" (deleted)")]
        if WANTED.search(path) and path not in seen:
            seen.append(path)
    return seen


def handle(path):
    """The library already loaded from `path`; None: it is not, by that name."""
    try:
        return ctypes.CDLL(path, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
    except OSError:
        return None


def by_number(function, split):
    """A version call that fills one int, taken apart by `split`."""

    def ask(library):
        value = ctypes.c_int()
        return split(value.value) if getattr(library, function)(ctypes.byref(value)) == 0 else None

    return ask


def by_pair(function):
    """A version call that fills major and minor."""

    def ask(library):
        major, minor = ctypes.c_int(), ctypes.c_int()
        code = getattr(library, function)(ctypes.byref(major), ctypes.byref(minor))
        return "%d.%d" % (major.value, minor.value) if code == 0 else None

    return ask


def by_property(function):
    """The calls xGetProperty(0 major, 1 minor, 2 patch): they need no handle, and no GPU."""

    def ask(library):
        parts = []
        for number in range(3):
            value = ctypes.c_int()
            if getattr(library, function)(number, ctypes.byref(value)) != 0:
                return None
            parts.append(str(value.value))
        return ".".join(parts)

    return ask


def thousands(number):
    """12040 → 12.4."""
    return "%d.%d" % (number // 1000, number % 1000 // 10)


def nccl(number):
    """22105 → 2.21.5; before 2.9 it was 2804 → 2.8.4."""
    if number < 10000:
        return "%d.%d.%d" % (number // 1000, number % 1000 // 100, number % 100)
    return "%d.%d.%d" % (number // 10000, number % 10000 // 100, number % 100)


def cudnn_number(number):
    """8902 → 8.9.2; cuDNN 9 writes 91002 → 9.10.2."""
    if number >= 90000:
        return "%d.%d.%d" % (number // 10000, number % 10000 // 100, number % 100)
    return "%d.%d.%d" % (number // 1000, number % 1000 // 100, number % 100)


def cudnn(library):
    """cudnnGetVersion returns a size_t."""
    library.cudnnGetVersion.restype = ctypes.c_size_t
    return cudnn_number(library.cudnnGetVersion())


def by_three(function):
    """A version call that fills major, minor and patch."""

    def ask(library):
        numbers = [ctypes.c_int(-1) for _ in range(3)]
        getattr(library, function)(*map(ctypes.byref, numbers))
        return ".".join(str(number.value) for number in numbers) if numbers[0].value >= 0 else None

    return ask


def cudnn_part(symbol):
    """Some parts carry their version as data, a byte a place: 0x090100 → 9.1.0."""

    def ask(library):
        number = ctypes.c_uint32.in_dll(library, symbol).value
        return "%d.%d.%d" % (number >> 16, number >> 8 & 255, number & 255) if number >> 16 in range(8, 30) else None

    return ask


VERSION = {
    "cudart": by_number("cudaRuntimeGetVersion", thousands),
    "cublas": by_property("cublasGetProperty"),
    "cublasLt": by_property("cublasLtGetProperty"),
    "cusparse": by_property("cusparseGetProperty"),
    "cusparseLt": by_property("cusparseLtGetProperty"),
    "cusolver": by_property("cusolverGetProperty"),
    "cufft": by_property("cufftGetProperty"),
    "curand": by_property("curandGetProperty"),
    "nvrtc": by_pair("nvrtcVersion"),
    "nvJitLink": by_pair("nvJitLinkVersion"),
    "nccl": by_number("ncclGetVersion", nccl),
    "cudnn": cudnn,
    "cudnn_graph": cudnn,
    "cudnn_ops": cudnn_part("cudnn_ops_infer_version"),
    "cudnn_adv": cudnn_part("cudnn_adv_infer_version"),
    "cudnn_ops_infer": cudnn_part("cudnn_ops_infer_version"),
    "cudnn_ops_train": cudnn_part("cudnn_ops_train_version"),
    "cudnn_cnn_infer": cudnn_part("cudnn_cnn_infer_version"),
    "cudnn_adv_infer": cudnn_part("cudnn_adv_infer_version"),
    "cufile": by_number("cuFileGetVersion", thousands),
    "nvshmem_host": by_three("nvshmemx_vendor_get_version_info"),
}


def version(path):
    """What the library itself answers; None: it has no call for it, or the call failed."""
    name = WANTED.search(path).group(1)
    ask = VERSION.get(name)
    library = handle(path) if ask is not None else None
    if library is None:
        return None
    try:
        return ask(library)
    except (AttributeError, ValueError, OSError):
        return None


def touch_cudnn_parts():
    """Have the loaded cuDNN load its parts: its own calls do it, so its own search decides which files those are.

    Raises RuntimeError where cuDNN 9.2x says that it cannot; an older one ends the process.
    """
    failed = []
    for path in paths():
        if re.search(r"/libcudnn\.so", path):
            library = handle(path)
            for function in ("cudnnGetVersion", "cudnnOpsVersionCheck", "cudnnCnnVersionCheck", "cudnnAdvVersionCheck"):
                call = getattr(library, function, None) if library is not None else None
                code = call() if call is not None else 0
                if code != 0 and function != "cudnnGetVersion":
                    failed.append("%s returned %d" % (function, code))
    if failed:
        raise RuntimeError("cuDNN cannot load its parts: %s" % ", ".join(failed))


def libraries():
    """Path and version of each, and who opened it by that path, where Python code did."""
    return [{"path": path, "version": version(path), "opened_by": opened.get(path)} for path in paths()]
