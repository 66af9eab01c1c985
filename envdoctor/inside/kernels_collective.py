"""NCCL, and the way between GPUs. One process holds all GPUs: a communicator needs no network, no port and no second program."""

import os


def nccl_one_rank(lab):
    """A communicator of one rank and a sum in it: NCCL loads, starts, and is right."""
    lab.needs_gpu("NCCL needs a GPU")
    values = lab.normal(1 << 20)
    return [_all_reduce(lab, "nccl-one-rank", [values], 4 * values.numel())]


def all_reduce(lab, count):
    """A sum over all `count` visible GPUs, bus bandwidth in GB/s as nccl-tests count it: 2·(n-1)/n of the bytes."""
    lab.needs_gpu("NCCL needs a GPU")
    torch = lab.torch
    size = 64 << 20
    values = [torch.full((size // 4,), float(gpu + 1), device="cuda:%d" % gpu) for gpu in range(count)]
    return [_all_reduce(lab, "all-reduce", values, size)]


def _all_reduce(lab, name, values, size):
    """Sum in place, once to be judged and then to be timed."""
    # What NCCL says of a failure it says to its log alone; torch raises "unhandled system error".
    os.environ.setdefault("NCCL_DEBUG", "WARN")
    os.environ.setdefault("NCCL_DEBUG_FILE", "/dev/stderr")
    torch, count = lab.torch, len(values)
    nccl = torch.cuda.nccl
    if not nccl.is_available(values):
        raise lab.not_here("this torch has no NCCL")
    expected = torch.stack([value[:4096].cpu().double() for value in values]).sum(0)
    outputs = [torch.full_like(value, float("nan")) for value in values]

    def work():
        nccl.all_reduce(values, outputs)
        for value in values:
            torch.cuda.synchronize(value.device)

    work()
    worst = max((lab.judged({}, output[:4096], expected, 1e-5) for output in outputs), key=lambda r: r["error"] or 9e9)
    factor = 2 * (count - 1) / count if count > 1 else 1.0
    result = lab.rate(name, "GB/s", factor * size, work, 1e9, "fp32", seconds=0.05)
    return dict(result, **worst, ranks=count)


def peer_to_peer(lab, count):
    """Copies between every pair of GPUs, GB/s, and whether the pair has a direct way."""
    lab.needs_gpu("there is one processor")
    torch, results = lab.torch, []
    size = 64 << 20
    for source in range(count):
        for target in range(count):
            if source == target:
                continue
            here = torch.randn(size // 4, device="cuda:%d" % source)
            there = torch.full((size // 4,), float("nan"), device="cuda:%d" % target)
            direct = bool(torch.cuda.can_device_access_peer(source, target))

            def work():
                there.copy_(here)  # noqa: B023
                torch.cuda.synchronize(source)  # noqa: B023
                torch.cuda.synchronize(target)  # noqa: B023

            result = lab.rate("peer-copy", "GB/s", size, work, 1e9, seconds=0.01)
            result = lab.judged(result, there[:65536], here[:65536], 0.0)
            results.append(dict(result, from_gpu=source, to_gpu=target, direct=direct))
    return results
