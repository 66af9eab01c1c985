"""How fast the host can feed the device: the same launches by the device's clock and by the wall's, at two sizes, with and without a graph."""

import os
import resource
import time

LAUNCHES = 500
SMALL, LARGE = 1, 1 << 22


def launch(lab):
    """Microseconds a launch: what the host needs to issue one, and what the device needs from one to the next."""
    lab.needs_gpu("a processor is not launched on")
    results = []
    for name, count in (("small", SMALL), ("large", LARGE)):
        values = lab.torch.zeros(count, device=lab.device)
        results += _launches(lab, name, lambda: values.add_(1.0))  # noqa: B023
        if not bool((values == values[0]).all()) or float(values[0]) != float(results[-1]["launches"]):
            results[-1]["right"] = False
    return results + _graph(lab)


def _launches(lab, name, work):
    """Issue and run LAUNCHES of `work`. The host's share of processor time tells a slow host from one that was not allowed to run."""
    torch, done = lab.torch, 0
    for _ in range(20):
        work()
        done += 1
    lab.wait()
    issues, events, walls, processor, switches = [], [], [], 0.0, 0
    for _ in range(5):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        before, used = resource.getrusage(resource.RUSAGE_THREAD), time.thread_time()
        begun = time.perf_counter()
        begin.record()
        for _ in range(LAUNCHES):
            work()
        end.record()
        issues.append(time.perf_counter() - begun)
        processor += time.thread_time() - used
        switches += resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw - before.ru_nivcsw
        end.synchronize()
        walls.append(time.perf_counter() - begun)
        events.append(begin.elapsed_time(end) / 1e3)
        done += LAUNCHES
    to_us = 1e6 / LAUNCHES
    common = {"unit": "us", "dtype": None, "repeats": 5, "launches": done}
    return [
        dict(
            common,
            name="launch-" + name + "-issue",
            value=sorted(issues)[2] * to_us,
            on_processor=min(processor / max(sum(issues), 1e-9), 1.0),
            preempted=switches,
        ),
        dict(common, name="launch-" + name + "-wall", value=sorted(walls)[2] * to_us),
        dict(common, name="launch-" + name + "-event", value=sorted(events)[2] * to_us),
    ]


def _graph(lab):
    """The small launches once more, recorded in a CUDA graph: what they cost where the host has nothing to issue."""
    torch = lab.torch
    if not hasattr(torch.cuda, "CUDAGraph"):
        return []
    values = torch.zeros(SMALL, device=lab.device)
    side = torch.cuda.Stream(lab.device)
    side.wait_stream(torch.cuda.current_stream(lab.device))
    with torch.cuda.stream(side):
        values.add_(1.0)
    torch.cuda.current_stream(lab.device).wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(LAUNCHES):
            values.add_(1.0)
    timed = lab.measure(graph.replay, 0.02)
    return [
        {
            "name": "launch-small-graph",
            "unit": "us",
            "dtype": None,
            "value": timed["seconds"] * 1e6 / LAUNCHES,
            "repeats": timed["repeats"],
        }
    ]


def throttled():
    """How often the cgroup stopped this process for its quota: (periods, throttled periods); None where it cannot be told."""
    path = "/sys/fs/cgroup/cpu.stat"
    try:
        with open("/proc/self/cgroup") as stream:
            own = stream.read().rpartition("::")[2].strip()
        nested = "/sys/fs/cgroup" + own + "/cpu.stat"
        with open(nested if os.path.exists(nested) else path) as stream:
            said = dict(line.split() for line in stream if len(line.split()) == 2)
        return int(said["nr_periods"]), int(said["nr_throttled"])
    except (OSError, KeyError, ValueError):
        return None
