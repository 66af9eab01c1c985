"""Real work on one device, kernel by kernel: ``work.py JSON``. Each kernel is a stage with a deadline of its own; one that does not come
back ends this process, and envdoctor starts another for those that are left.

The JSON: ``device`` (``cuda:0``, ``cpu``), ``kernels`` (names, in order), ``seconds`` (of the whole), ``deadline`` (of one kernel),
``start_deadline`` (of importing torch), ``gpus`` (how many are visible), ``link`` (a name that GPUs on one PCIe link share: their transfers take turns).
"""

import faulthandler
import json
import os
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import channel  # noqa: E402
import kernels_collective  # noqa: E402
import kernels_launch  # noqa: E402
import kernels_libraries  # noqa: E402
import kernels_math  # noqa: E402
import kernels_memory  # noqa: E402
import kernels_thorough  # noqa: E402
import lab as labs  # noqa: E402
import resnet  # noqa: E402
import resnet_step  # noqa: E402
import where_ops_run  # noqa: E402

# From here on the path is as `python -c` has it: the working folder in front, not this one.
sys.path = [entry for entry in sys.path if os.path.abspath(entry or ".") != HERE]
if not getattr(sys.flags, "safe_path", False):
    sys.path.insert(0, "")


def step(lab, plan):
    """The ResNet step, then what the profiler saw of one."""
    network = resnet.build(lab.torch)
    result = resnet_step.resnet_step(lab, network, where_ops_run.watch)
    value = result.pop("images_per_second")
    return [dict(result, name="resnet-step", unit="images/s", value=value, dtype=(lab.half() or ("fp32",))[0])]


def profile(lab, plan):
    """What the profiler sees on the device of a training step (of a few products, where there is none)."""
    lab.needs_gpu("there is no device but the processor")
    left = lab.normal(1024, 1024)
    seen = resnet_step.device_kernels(lab, lab.step or (lambda: [left @ left for _ in range(20)]))
    seen = seen or {"kernels": 0, "busy": None}
    return [dict(seen, name="profile", unit="kernels", value=float(seen["kernels"]), dtype=None)]


def transfers(lab, plan):
    """The host transfers, alone on their link: an abstract socket's name is a lock that the kernel takes back when we die."""
    turn = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    patience = time.monotonic() + 5.0
    while plan.get("link"):
        try:
            turn.bind("\0" + plan["link"])
            break
        except OSError:
            if time.monotonic() > patience:
                break
            time.sleep(0.005)
    try:
        return kernels_memory.transfers(lab)
    finally:
        turn.close()


KERNELS = {
    "copy": lambda lab, plan: kernels_memory.copy(lab),
    "transfers": transfers,
    "triad": lambda lab, plan: kernels_memory.triad(lab),
    "reduction": lambda lab, plan: kernels_math.reduction(lab),
    "elementwise": lambda lab, plan: kernels_math.elementwise(lab),
    "convolution": lambda lab, plan: kernels_libraries.convolution(lab),
    "attention": lambda lab, plan: kernels_libraries.attention(lab),
    "fft": lambda lab, plan: kernels_libraries.fft(lab),
    "sort": lambda lab, plan: kernels_libraries.sort(lab),
    "solve": lambda lab, plan: kernels_libraries.solve(lab),
    "sparse-matmul": lambda lab, plan: kernels_libraries.sparse_matmul(lab),
    "random": lambda lab, plan: kernels_libraries.random_numbers(lab),
    "launch": lambda lab, plan: kernels_launch.launch(lab),
    "nccl-one-rank": lambda lab, plan: kernels_collective.nccl_one_rank(lab),
    "all-reduce": lambda lab, plan: kernels_collective.all_reduce(lab, plan["gpus"]),
    "peer-copy": lambda lab, plan: kernels_collective.peer_to_peer(lab, plan["gpus"]),
    "resnet-step": step,
    "profile": profile,
    "compile": lambda lab, plan: kernels_thorough.compiled(lab),
    "memory": lambda lab, plan: kernels_thorough.memory(lab),
    "load": lambda lab, plan: kernels_thorough.load(lab, plan.get("load_seconds", 60.0)),
}


def run(lab, name, plan):
    """One kernel, by its name: ``matmul:bf16`` is the product in bf16."""
    if name.startswith("matmul:"):
        wanted = name.partition(":")[2]
        if wanted not in dict(lab.matmul_types()):
            raise labs.NotHere("this device has no units for it")
        return kernels_math.matmul(lab, wanted)
    return KERNELS[name](lab, plan)


def attempt(lab, name, plan):
    """Run a kernel and say how it went. Returns False where the device is lost to this process (an error of CUDA stays with its context)."""
    torch = lab.torch
    channel.enter(name)
    begun = time.monotonic()
    more = plan.get("load_seconds", 0.0) if name == "load" else 0.0
    faulthandler.dump_traceback_later(plan["deadline"] + more, exit=True, file=channel.trace_file())
    sound, said = True, {"status": "ok", "results": []}
    try:
        said["results"] = run(lab, name, plan)
        lab.wait()
    except labs.NotHere as why:
        said = {"status": "skipped", "reason": str(why)}
    except AttributeError as error:
        said = {"status": "skipped", "reason": "this torch cannot: %s" % error}  # older than the call
    except Exception as error:
        out = isinstance(error, (MemoryError, getattr(torch.cuda, "OutOfMemoryError", MemoryError)))
        out = out or "out of memory" in str(error)  # pinned memory has no exception of its own
        said = {
            "status": "out-of-memory" if out else "failed",
            "error_type": type(error).__name__,
            "reason": str(error)[:4000],
        }
        sound = out or _still_works(lab)
    faulthandler.cancel_dump_traceback_later()
    channel.leave(name, begun=begun, seconds=time.monotonic() - begun, **said)
    if lab.gpu and sound:
        torch.cuda.empty_cache()
    return sound


def _still_works(lab):
    """Whether the device answers after an error."""
    try:
        return float(lab.torch.ones(2, device=lab.device).sum()) == 2.0
    except Exception:
        return False


def start(plan):
    """Import torch and wake the device: a stage, with what the device is."""
    channel.enter("start")
    faulthandler.dump_traceback_later(plan["start_deadline"], exit=True, file=channel.trace_file())
    import torch

    lab = labs.Lab(torch, plan["device"])
    if lab.gpu:
        torch.cuda.set_device(lab.device)
    torch.ones(1, device=lab.device).sum().item()
    faulthandler.cancel_dump_traceback_later()
    about = {"threads": torch.get_num_threads()}
    if lab.gpu:
        free, total = torch.cuda.mem_get_info(lab.device)
        about.update(
            device_name=torch.cuda.get_device_name(lab.device),
            compute_capability="%d.%d" % lab.capability,
            multiprocessors=lab.multiprocessors,
            memory_free=free,
            memory_total=total,
            tf32=torch.get_float32_matmul_precision() != "highest",
        )
    channel.leave("start", **about)
    return lab


class Sampler:
    """NVML's samples of this device, taken by a process of their own, which ends with this one."""

    def __init__(self, plan):
        self.process = None
        if plan.get("pci"):
            command = [sys.executable, "-I", os.path.join(HERE, "nvml_watch.py"), plan["pci"]]
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )

    def tell(self):
        """Say what was sampled."""
        if self.process is None:
            return
        try:
            out = self.process.communicate(timeout=2.0)[0].decode("utf-8", "replace")
        except subprocess.TimeoutExpired:
            self.process.kill()
            return
        channel.say("samples", lines=[json.loads(line) for line in out.splitlines() if line.startswith("{")])


def main():
    """Every kernel of the plan in turn, as long as there is time."""
    plan = json.loads(sys.argv[1])
    sampler = Sampler(plan)
    try:
        lab = start(plan)
    except Exception as error:
        channel.say("start", error_type=type(error).__name__, failed=str(error)[:4000])
        os._exit(1)
    until = time.monotonic() + plan["seconds"]
    before = kernels_launch.throttled()
    for name in plan["kernels"]:
        if time.monotonic() > until:
            channel.leave(name, status="skipped", reason="no time was left in the budget", seconds=0.0)
        elif not attempt(lab, name, plan):
            break
    channel.say("quota", before=before, after=kernels_launch.throttled())
    sampler.tell()
    os._exit(0)


main()
