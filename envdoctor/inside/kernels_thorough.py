"""What takes longer than a first look: a compiled kernel, most of the memory written and read back, a minute of load."""

import os
import tempfile
import time


def compiled(lab):
    """A small function through torch.compile (Triton on a GPU), GB/s; right as the same function is without it."""
    torch = lab.torch
    if not hasattr(torch, "compile"):
        raise lab.not_here("this torch has no torch.compile")
    count = lab.buffer_bytes() // 8
    values = lab.normal(count)

    def function(x):
        return torch.nn.functional.gelu(x) * 2 + 1

    step = max(count // 65536, 1)
    with tempfile.TemporaryDirectory(prefix="envdoctor-") as folder:  # looking leaves nothing behind
        os.environ.update(TORCHINDUCTOR_CACHE_DIR=folder, TRITON_CACHE_DIR=folder)
        fast = torch.compile(function, dynamic=False)
        result = lab.rate("compile", "GB/s", 8 * count, lambda: fast(values), 1e9, "fp32")
        found = fast(values)[::step]
    return [lab.judged(result, found, function(values[::step].cpu().double()), 1e-5)]


def memory(lab):
    """Three patterns written to 80 % of the free memory and read back: ``bad`` bytes, and GiB that were tried."""
    torch = lab.torch
    chunk, chunks = 256 << 20, []
    wanted = int(lab.free_bytes() * 0.8)
    if not lab.gpu:
        chunk = 16 << 20
        wanted = min(wanted, 256 << 20)
    while len(chunks) * chunk + chunk <= wanted:
        chunks.append(torch.empty(chunk, dtype=torch.uint8, device=lab.device))
    bad = 0
    begun = time.perf_counter()
    for pattern in (0x55, 0xAA, None):
        for index, part in enumerate(chunks):
            part.fill_((index * 37 + 11) % 251 if pattern is None else pattern)
        for index, part in enumerate(chunks):
            expected = (index * 37 + 11) % 251 if pattern is None else pattern
            bad += int((part != expected).sum())
    lab.wait()
    size = len(chunks) * chunk / 2**30
    return [
        {
            "name": "memory",
            "unit": "GiB",
            "dtype": None,
            "value": size,
            "bad": bad,
            "right": bad == 0,
            "took": time.perf_counter() - begun,
        }
    ]


def load(lab, seconds):
    """Products for a minute, TFLOP/s in the first and in the last tenth of it: what a card too hot or short of power loses."""
    torch = lab.torch
    name, dtype = lab.half() or ("fp32", torch.float32)
    size = 8192 if lab.gpu and (lab.multiprocessors or 0) >= 60 else 2048 if lab.gpu else 512
    left, right = lab.normal(size, size, dtype=dtype), lab.normal(size, size, dtype=dtype)
    target = lab.poisoned(size, size, dtype=dtype)
    rates, until = [], time.perf_counter() + seconds
    while time.perf_counter() < until or len(rates) < 10:
        rates.append(2.0 * size**3 / lab.clock(lambda: torch.matmul(left, right, out=target)) / 1e12)
    tenth = max(len(rates) // 10, 1)
    first, last = sorted(rates[:tenth])[tenth // 2], sorted(rates[-tenth:])[tenth // 2]
    expected = left[:16].cpu().double() @ right.cpu().double()[:, :16]
    result = {"name": "load", "unit": "TFLOP/s", "dtype": name, "value": last, "first_tenth": first, "took": seconds}
    return [lab.judged(result, target[:16, :16], expected, lab.tolerance(name))]
