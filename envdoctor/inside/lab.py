"""What every kernel needs: a device, its data types, a clock that is the device's own, and a judge of numbers."""

import math
import time

TARGET_SECONDS = 0.1
"""Of measured work for one kernel, after it is warm."""
FEWEST, MOST = 3, 200
SETTLE_SECONDS = 0.2
"""At most, before that."""

TOLERANCES = {
    # Relative Frobenius error against float64. A correct product of K terms accumulated in float32 is off by the rounding of its inputs and
    # output (2^-11 for fp16 and tf32, 2^-8 for bf16, 2^-4 for e4m3, whose inputs the reference shares); a broken one is off by about 1.
    "fp64": 1e-12,
    "fp32": 2e-5,
    "tf32": 2e-3,
    "fp16": 3e-3,
    "bf16": 1.5e-2,
    "fp8": 4e-2,
}


class NotHere(Exception):
    """This kernel cannot be run on this device or by this torch: skipped, not failed."""


class Lab:
    """One device of one torch. `kind` is ``cuda`` or ``cpu``; sizes are scaled to what the device can do in its time."""

    def __init__(self, torch, device):
        self.torch = torch
        self.device = torch.device(device)
        self.kind = self.device.type
        self.gpu = self.kind == "cuda"
        self.capability = torch.cuda.get_device_capability(self.device) if self.gpu else None
        self.properties = torch.cuda.get_device_properties(self.device) if self.gpu else None
        self.multiprocessors = getattr(self.properties, "multi_processor_count", None)
        self.step = None
        """The training step, once it is built."""

    def needs_gpu(self, why):
        """Raise NotHere on the processor."""
        if not self.gpu:
            raise NotHere(why)

    def not_here(self, why):
        """The exception of a kernel that cannot be run here."""
        return NotHere(why)

    def tolerance(self, name):
        """The relative error that a right result in the data type called `name` may have."""
        return TOLERANCES[name]

    def free_bytes(self):
        """Memory that can still be had on the device; on the processor, a modest share."""
        return self.torch.cuda.mem_get_info(self.device)[0] if self.gpu else 1 << 30

    def cache_bytes(self):
        """The second-level cache (64 MiB where torch does not tell: none is much larger)."""
        return getattr(self.properties, "L2_cache_size", 0) or (64 << 20)

    def buffer_bytes(self):
        """A buffer that no cache can hold: 16 times the cache, at most an eighth of the free memory."""
        if not self.gpu:
            return 64 << 20
        wanted = max(16 * self.cache_bytes(), 512 << 20)
        return int(min(wanted, self.free_bytes() // 8)) // 4096 * 4096

    def matmul_types(self):
        """(name, torch dtype) of the products that this device has units for: bf16 below 8.0 is emulated, fp8 below 8.9 is not there."""
        torch = self.torch
        types = [("fp32", torch.float32)]
        if not self.gpu:
            return [*types, ("bf16", torch.bfloat16)]
        if self.capability >= (8, 0):
            types += [("tf32", torch.float32), ("bf16", torch.bfloat16)]
        if self.capability >= (5, 3):
            types += [("fp16", torch.float16)]
        if self.capability >= (8, 9) and hasattr(torch, "float8_e4m3fn"):
            types += [("fp8", torch.float8_e4m3fn)]
        return types

    def half(self):
        """The data type that mixed precision takes here: (name, dtype), or None where it does not serve."""
        if not self.gpu or self.capability < (7, 0):
            return None
        return ("bf16", self.torch.bfloat16) if self.capability >= (8, 0) else ("fp16", self.torch.float16)

    def normal(self, *shape, dtype=None):
        """Fresh random numbers: on zeros a GPU draws less power and clocks higher than on real data."""
        return self.torch.randn(*shape, device=self.device, dtype=dtype)

    def poisoned(self, *shape, dtype=None):
        """An output that is wrong until a kernel has written all of it."""
        return self.torch.full(shape, math.nan, device=self.device, dtype=dtype)

    def wait(self):
        """Until the device has done all its work."""
        if self.gpu:
            self.torch.cuda.synchronize(self.device)

    def clock(self, work):
        """Seconds that `work` took on the device: CUDA events on a GPU, the wall clock on the processor."""
        if not self.gpu:
            begun = time.perf_counter()
            work()
            return time.perf_counter() - begun
        begin, end = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1e3

    def clocks(self, work, repeats):
        """Seconds of each of `repeats` runs of `work`, one behind the other: on a GPU the host is ahead, so that its launches cost nothing."""
        if not self.gpu:
            return [self.clock(work) for _ in range(repeats)]
        marks = [self.torch.cuda.Event(enable_timing=True) for _ in range(repeats + 1)]
        marks[0].record()
        for mark in marks[1:]:
            work()
            mark.record()
        marks[-1].synchronize()
        return [marks[i].elapsed_time(marks[i + 1]) / 1e3 for i in range(repeats)]

    def measure(self, work, seconds=TARGET_SECONDS):
        """`work` made warm, then timed again and again.

        Returns ``seconds`` (the median of one run), ``spread`` ((p90 - p10) / median), ``repeats`` and ``first`` (the first run's time,
        with all that had to be loaded and compiled, by the wall clock).
        """
        begun = time.perf_counter()
        work()
        self.wait()
        first = time.perf_counter() - begun
        estimate = max(self._settled(work), 1e-7)
        repeats = int(min(max(seconds / estimate, FEWEST), MOST))
        times = sorted(self.clocks(work, repeats))
        median = quantile(times, 0.5)
        spread = (quantile(times, 0.9) - quantile(times, 0.1)) / median if median > 0 else 0.0
        return {"seconds": median, "spread": spread, "repeats": repeats, "first": first}

    def _settled(self, work):
        """Seconds of one run, once runs no longer get faster: a card that idled raises its clocks in steps, over tenths of a second."""
        until, fastest = time.perf_counter() + SETTLE_SECONDS, self.clock(work)
        while self.gpu and time.perf_counter() < until:
            again = self.clock(work)
            if again > 0.95 * fastest:
                return min(again, fastest)
            fastest = again
        return fastest

    def rate(self, name, unit, amount, work, scale, dtype=None, seconds=TARGET_SECONDS):
        """`work` measured as a rate: `amount` / `scale` of `unit` a second."""
        timed = self.measure(work, seconds)
        value = amount / timed.pop("seconds") / scale
        return dict(timed, name=name, dtype=dtype, unit=unit, value=value)

    def error(self, found, expected):
        """The relative Frobenius error of `found` against a float64 `expected`; None where a number is not finite."""
        found, expected = found.detach().to("cpu").double(), expected.detach().to("cpu").double()
        size = float(expected.norm())
        error = float((found - expected).norm()) / (size or 1.0)
        return error if math.isfinite(error) else None

    def judged(self, result, found, expected, tolerance):
        """`result` with how far its numbers are off."""
        error = self.error(found, expected)
        return dict(result, error=error, tolerance=tolerance, right=error is not None and error <= tolerance)


def quantile(ordered, share):
    """The value at `share` (0–1) of an ordered list."""
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
