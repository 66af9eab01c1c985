"""How fast bytes move: within the device's memory, and between it and the host's."""


def copy(lab):
    """One buffer copied to another: bytes read and written, GB/s."""
    count = lab.buffer_bytes() // 4
    source, target = lab.normal(count), lab.poisoned(count)
    result = lab.rate("copy", "GB/s", 8 * count, lambda: target.copy_(source), 1e9)
    return [_sampled(lab, result, target, source)]


def triad(lab):
    """a = b + s·c: two buffers read, one written, GB/s."""
    count = lab.buffer_bytes() // 4
    left, right, target = lab.normal(count), lab.normal(count), lab.poisoned(count)
    result = lab.rate(
        "triad", "GB/s", 12 * count, lambda: lab.torch.add(left, right, alpha=3.0, out=target), 1e9, "fp32"
    )
    step = max(count // 65536, 1)
    expected = left[::step].double().cpu() + 3.0 * right[::step].double().cpu()
    return [lab.judged(result, target[::step], expected, 1e-6)]


def transfers(lab):
    """Host to device and back, through pinned and through pageable memory, GB/s each."""
    lab.needs_gpu("the processor is the device")
    torch = lab.torch
    size = int(min(256 << 20, lab.free_bytes() // 8)) // 4096 * 4096
    there = torch.empty(size // 4, device=lab.device)
    results = []
    for memory in ("pinned", "pageable"):
        # Pageable copies are staged by the processor: a smaller piece tells as much in less time.
        count = size // 4 if memory == "pinned" else size // 16
        here = torch.randn(1 << 16).repeat(-(-count // (1 << 16)))[:count]
        here = here.pin_memory() if memory == "pinned" else here
        part, back = there[:count], torch.full_like(here, float("nan"), pin_memory=memory == "pinned")
        blocking = memory == "pageable"
        up = lab.rate("h2d-" + memory, "GB/s", 4 * count, lambda: part.copy_(here, non_blocking=not blocking), 1e9)  # noqa: B023
        down = lab.rate("d2h-" + memory, "GB/s", 4 * count, lambda: back.copy_(part, non_blocking=not blocking), 1e9)  # noqa: B023
        lab.wait()
        results += [up, _sampled(lab, down, back, here)]
    return results


def _sampled(lab, result, found, expected):
    """Copies are right bit for bit, or not at all."""
    step = max(found.numel() // 65536, 1)
    return lab.judged(result, found[::step], expected[::step], 0.0)
