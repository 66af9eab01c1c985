"""How fast the device computes: products in every data type it has units for, a reduction, an elementwise function."""

from contextlib import contextmanager

SAMPLE = 64
"""Rows and columns of a product that are compared: each takes the whole inner dimension."""
BURST_SECONDS = 0.025
"""Of products, the shortest work that draws all the power a card may have: an H200 (700 W) did 800 bf16 TFLOP/s for 35 ms, then, held by
its power cap, 680, and 360 instead of 415 in tf32. Published ceilings are bursts; what is held for a minute, --thorough measures."""


def matmul(lab, name):
    """A square product of fresh random numbers in the data type called `name`, TFLOP/s."""
    torch = lab.torch
    dtype = dict(lab.matmul_types())[name]
    if name == "fp8":
        _try_fp8(lab, dtype)
    with _tf32(torch, name == "tf32"):
        size = _size(lab, name, dtype)
        left, right, target, work = _product(lab, name, dtype, size)
        result = lab.rate("matmul", "TFLOP/s", 2.0 * size**3, work, 1e12, name, BURST_SECONDS)
    found = (work() if target is None else target)[:SAMPLE, :SAMPLE]
    expected = left[:SAMPLE].to("cpu").double() @ right[:, :SAMPLE].to("cpu").double()
    return [lab.judged(dict(result, size=size), found, expected, lab.tolerance(name))]


def _product(lab, name, dtype, size):
    """(left, right, poisoned target or None, the work)."""
    torch = lab.torch
    if name != "fp8":
        left, right, target = lab.normal(size, size, dtype=dtype), lab.normal(size, size, dtype=dtype), None
        target = lab.poisoned(size, size, dtype=dtype)
        return left, right, target, lambda: torch.matmul(left, right, out=target)
    left = lab.normal(size, size).to(dtype)
    right = lab.normal(size, size).to(dtype).t()
    one = torch.ones((), device=lab.device)

    def scaled():
        found = torch._scaled_mm(left, right, scale_a=one, scale_b=one, out_dtype=torch.bfloat16)
        return found[0] if isinstance(found, tuple) else found  # torch before 2.5 gives the largest value too

    return left.to(torch.float32), right.to(torch.float32), None, scaled


def _try_fp8(lab, dtype):
    """Raise NotHere where this build has no fp8 product for this card: it came to torch and cuBLAS piece by piece."""
    try:
        _product(lab, "fp8", dtype, 256)[3]()
        lab.wait()
    except (RuntimeError, TypeError) as error:
        raise lab.not_here("no fp8 product in this build: %s" % str(error)[:200]) from error


def _size(lab, name, dtype):
    """The largest size that is done in about 30 ms and fits: a small product does not fill a large GPU."""
    sizes = (2048, 4096, 8192) if lab.gpu else (256, 512, 1024)
    chosen = sizes[0]
    for size in sizes:
        if lab.gpu and 16 * size * size > lab.free_bytes() // 2:
            break
        chosen = size
        _, _, _, work = _product(lab, name, dtype, size)
        work()
        lab.wait()
        if lab.clock(work) * 8 > (0.03 if lab.gpu else 0.05):
            break
    return chosen


@contextmanager
def _tf32(torch, on):
    """TF32 products on or off, as before afterwards."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if on else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def reduction(lab):
    """The sum of a buffer that no cache holds, GB/s."""
    count = lab.buffer_bytes() // 4
    values = lab.torch.rand(count, device=lab.device)
    total = lab.poisoned(1)
    result = lab.rate(
        "reduction", "GB/s", 4 * count, lambda: lab.torch.sum(values, dim=0, keepdim=True, out=total), 1e9, "fp32"
    )
    return [lab.judged(result, total, values.sum(dtype=lab.torch.float64).reshape(1), 1e-5)]


def elementwise(lab):
    """exp of a buffer that no cache holds: bytes read and written, GB/s."""
    count = lab.buffer_bytes() // 4
    values, target = lab.normal(count), lab.poisoned(count)
    result = lab.rate("elementwise", "GB/s", 8 * count, lambda: lab.torch.exp(values, out=target), 1e9, "fp32")
    step = max(count // 65536, 1)
    return [lab.judged(result, target[::step], values[::step].cpu().double().exp(), 1e-6)]
