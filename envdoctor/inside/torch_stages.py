"""Import torch as the user's program would, in stages, and tell what that loaded. Each stage may be the last one.

The libraries are looked at before CUDA is initialised: a driver that hangs must not cost what is known without it.
"""

import importlib.util
import os
import sys
import time
import traceback
import warnings

_spec = importlib.util.spec_from_file_location(
    "channel", os.path.join(os.path.dirname(os.path.abspath(__file__)), "channel.py")
)
channel = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(channel)
_spec = importlib.util.spec_from_file_location(
    "mapped", os.path.join(os.path.dirname(os.path.abspath(__file__)), "mapped.py")
)
mapped = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(mapped)

# The path as `python -c` has it: the working folder in front, not this one.
if not getattr(sys.flags, "safe_path", False):
    sys.path[0] = ""
else:
    sys.path = [entry for entry in sys.path if os.path.abspath(entry) != os.path.dirname(os.path.abspath(__file__))]

LONGEST = 8000


def frame_of(error):
    """``file.py:12 in function`` where the error was raised."""
    steps = traceback.extract_tb(error.__traceback__)
    return "%s:%s in %s" % (steps[-1].filename, steps[-1].lineno, steps[-1].name) if steps else None


def words(said):
    """What an error or a warning says; a broken one cannot even do that."""
    try:
        return str(said)[:LONGEST]
    except Exception:
        return "(its text cannot be had)"


def stage(name, work, *arguments):
    """Run one stage and say how it went; what `work` found, or None where it raised. Warnings are kept as they were said."""
    channel.enter(name)
    begun = time.perf_counter()
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            found = work(*arguments) or {}
            how = {"status": "ok"}
        except BaseException as error:  # SystemExit too: whatever a broken package raises is what we are here for
            found = None
            how = {
                "status": "failed",
                "error_type": type(error).__name__,
                "error": words(error),
                "frame": frame_of(error),
            }
    how["seconds"] = round(time.perf_counter() - begun, 4)
    said = ["%s: %s" % (w.category.__name__, words(w.message)) for w in heard[:50]]
    channel.leave(name, how=how, warnings=said, found=found or {})
    return found


def import_torch():
    """``import torch`` and nothing else."""
    import torch

    file = getattr(torch, "__file__", None)
    return {"file": file and str(file), "version": str(getattr(torch, "__version__", "")) or None}


def compiled():
    """What this torch was built with, from the library itself."""
    import torch

    version = getattr(torch, "version", None)
    found = {"cuda": str(getattr(version, "cuda", None) or ""), "hip": str(getattr(version, "hip", None) or "")}
    core = getattr(torch, "_C", None)  # a torch that is broken enough has none
    flags = getattr(core, "_cuda_getArchFlags", None)
    if flags is not None:
        found["arch_list"] = (flags() or "").split()
    cudnn = getattr(core, "_cudnn", None)
    if cudnn is not None and hasattr(cudnn, "getCompileVersion"):
        found["cudnn_compiled"] = dotted(cudnn.getCompileVersion())
    if hasattr(core, "_nccl_version"):
        found["nccl_compiled"] = dotted(torch.cuda.nccl.version()[:3])
    return found


def dotted(version):
    """``9.1.0`` for (9, 1, 0)."""
    return ".".join(str(part) for part in version if not isinstance(part, str))


def touch_cudnn():
    """torch's own look at cuDNN: it raises where the loaded one does not fit."""
    import torch

    cudnn = torch.backends.cudnn
    found = {"cudnn_enabled": bool(cudnn.enabled), "cudnn_available": bool(cudnn.is_available())}
    runtime = getattr(getattr(getattr(torch, "_C", None), "_cudnn", None), "getRuntimeVersion", None)
    if runtime is not None:
        found["cudnn_loaded"] = dotted(runtime())
    # Newer torches ask the devices here (cuDNN 9.11 dropped some): CUDA is not to be started yet.
    ask, torch.cuda.is_available = torch.cuda.is_available, lambda: False
    try:
        cudnn.version()
    finally:
        torch.cuda.is_available = ask
    return found


def touch_nccl():
    """Whether torch.distributed has NCCL."""
    import torch

    distributed = torch.distributed
    return {"nccl_available": bool(distributed.is_available() and distributed.is_nccl_available())}


def libraries():
    """What is mapped."""
    return {"libraries": mapped.libraries()}


def cudnn_parts():
    """Load cuDNN's parts the way cuDNN does. An older one ends the process where it cannot: what is known is told first."""
    channel.say("import", libraries=mapped.libraries())
    mapped.touch_cudnn_parts()


def cuda_init():
    """What ``torch.cuda.is_available()`` says; and, where it says no, why: ``torch.cuda.init()`` raises what it swallows."""
    import torch

    available, count = bool(torch.cuda.is_available()), int(torch.cuda.device_count())
    channel.say("cuda-init", available=available, count=count)
    torch.cuda.init()
    return {}


def devices():
    """The names of the devices."""
    import torch

    return {"device_names": [str(torch.cuda.get_device_name(i)) for i in range(torch.cuda.device_count())]}


def matmul():
    """A small product on the first GPU, compared with the processor's."""
    import torch

    left, right = torch.randn(64, 64), torch.randn(64, 64)
    there = (left.to("cuda") @ right.to("cuda")).cpu()
    error = float((there - left @ right).norm() / (left @ right).norm())
    return {"works": error < 0.01}


def main():
    """Every stage in turn; after a failed import there is still the memory map."""
    mapped.watch()
    imported = stage("import", import_torch)
    channel.say("import", libraries=[{"path": path, "opened_by": mapped.opened.get(path)} for path in mapped.paths()])
    built = stage("compiled", compiled) if imported is not None else None
    # Where even that fails, CUDA is tried all the same: what it says is told, and decides.
    cuda = imported is not None and (built is None or bool(built.get("cuda") or built.get("hip")))
    if cuda:
        stage("cudnn", touch_cudnn)
        stage("nccl", touch_nccl)
    if imported is not None:
        stage("cudnn-parts", cudnn_parts)
    stage("libraries", libraries)
    if cuda and stage("cuda-init", cuda_init) is not None:
        stage("devices", devices)
        stage("matmul", matmul)
        stage("libraries", libraries)
    # Not through exit handlers: what torch tears down there takes time and can crash.
    os._exit(0)


main()
