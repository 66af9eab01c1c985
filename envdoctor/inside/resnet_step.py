"""A training step of ResNet-50: the short piece of real work in which a slow host, a stall, or an operator off the device shows."""

import math
import time
import warnings

WARM_STEPS, STEPS = 4, 20
LONGEST = 3.0
"""Seconds of measured steps at most."""
LOSS_SCALE = 1024.0
"""For fp16, whose smallest numbers many gradients are below. A fixed factor does for the few steps that are taken here."""
BYTES_AN_IMAGE = 150 << 20
"""Of memory for one 224×224 image in training, generously: activations in mixed precision take about 90 MB."""


def resnet_step(lab, network, watch, samples=None):
    """Train `network` on one batch of random images. See `train`; adds what one watched step and the profiler saw."""
    torch = lab.torch
    batch, side = _batch(lab)
    images = lab.normal(batch, 3, side, side).to(memory_format=torch.channels_last)
    labels = torch.randint(0, 1000, (batch,), device=lab.device)
    network = network.to(lab.device).to(memory_format=torch.channels_last).train()
    if lab.gpu:
        torch.cuda.reset_peak_memory_stats(lab.device)
    step = lab.step = stepper(lab, network, images, labels)
    result = train(lab, step)
    result.update(batch=batch, side=side, images_per_second=batch / result["p50"])
    result["watched"] = _watched(lab, watch, step)
    result["devices"] = sorted({str(p.device.type) for p in network.parameters()})
    result["gradient_devices"] = sorted({str(p.grad.device.type) for p in network.parameters() if p.grad is not None})
    if lab.gpu:
        result["peak_bytes"] = torch.cuda.max_memory_allocated(lab.device)
    return result


def _batch(lab):
    """(images, pixels a side): as much as fits, and takes about 50 ms a step."""
    if not lab.gpu:
        return 8, 32
    wanted = 16
    while wanted < 128 and wanted * 2 <= (lab.multiprocessors or 16):
        wanted *= 2
    while wanted > 1 and wanted * BYTES_AN_IMAGE > lab.free_bytes() * 0.7:
        wanted //= 2
    return wanted, 224


def stepper(lab, network, images, labels):
    """A function that does one step - forward, loss, backward, optimizer - and returns the loss, a tensor that nobody has waited for."""
    torch = lab.torch
    half = lab.half()
    scale = LOSS_SCALE if half is not None and half[0] == "fp16" else 1.0
    optimizer = Momentum(torch, network.parameters(), 0.02, 0.9)

    def step():
        optimizer.forget_gradients()
        if half is None:
            loss = torch.nn.functional.cross_entropy(network(images), labels)
        else:
            with torch.autocast("cuda", dtype=half[1]):
                loss = torch.nn.functional.cross_entropy(network(images), labels)
        (loss if scale == 1.0 else loss * scale).backward()
        optimizer.step(1.0 / scale)
        return loss.detach()

    return step


class Momentum:
    """Stochastic gradient descent with momentum. Ours, since torch.optim takes as long to import as all of torch: 2.x loads its compiler
    for it."""

    def __init__(self, torch, parameters, rate, momentum):
        self.torch, self.rate, self.momentum = torch, rate, momentum
        self.parameters = [parameter for parameter in parameters if parameter.requires_grad]
        self.velocities = [torch.zeros_like(parameter) for parameter in self.parameters]

    def forget_gradients(self):
        """As zero_grad(set_to_none=True)."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self, factor=1.0):
        """Every parameter a step down its gradient times `factor`."""
        with self.torch.no_grad():
            gradients = [parameter.grad for parameter in self.parameters]
            self.torch._foreach_mul_(self.velocities, self.momentum)
            self.torch._foreach_add_(self.velocities, gradients, alpha=factor)
            self.torch._foreach_add_(self.parameters, self.velocities, alpha=-self.rate)


def train(lab, step, steps=STEPS, longest=LONGEST):
    """Warm up, then measure every step by the device's clock and by the wall's.

    Returns ``p50``, ``p99``, ``longest`` (s, from one step's end to the next's), ``issue`` (s of host time to issue one: the step
    where it is as long is the host's fault), ``host_wait`` (the share of the time in which the host was ahead and waited),
    ``on_processor`` (processors' worth of time that this process had while it issued, 1 at most), ``steps``, ``losses`` (first and last), ``finite``.
    """
    begun = time.perf_counter()
    losses = [step() for _ in range(WARM_STEPS if lab.gpu else 1)]
    lab.wait()
    warm = time.perf_counter() - begun
    times, issues, processor = [], [], 0.0
    began = last = time.perf_counter()
    while len(times) < steps and (last - began < longest or len(times) < 3):
        used, start = time.process_time(), time.perf_counter()  # the backward pass is issued by a thread of its own
        losses.append(step())
        issued = time.perf_counter()
        processor += time.process_time() - used
        lab.wait()
        now = time.perf_counter()
        issues.append(issued - start)
        times.append(now - last)
        last = now
    values = [float(loss) for loss in losses]
    ordered, total = sorted(times), sum(times)
    return {
        "p50": _at(ordered, 0.5),
        "p99": _at(ordered, 0.99),
        "longest": ordered[-1],
        "issue": _at(sorted(issues), 0.5),
        "host_wait": max(total - sum(issues), 0.0) / total,
        "on_processor": min(processor / max(sum(issues), 1e-9), 1.0),
        "steps": len(times),
        "warm": warm,
        "losses": [_number(values[0]), _number(values[-1])],
        "finite": all(math.isfinite(value) for value in values),
    }


def _number(value):
    return value if math.isfinite(value) else None


def _at(ordered, share):
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def _watched(lab, watch, step):
    """One step under the eyes of the dispatcher; None: this torch cannot."""
    try:
        return watch(lab.torch, lab.device, step)
    except (ImportError, AttributeError):
        return None


def device_kernels(lab, work):
    """What the profiler says of `work`: ``kernels`` seen on the device and their ``busy`` seconds; None: it saw no device activity at all,
    which proves nothing (CUPTI may be missing, or in use by another)."""
    with _profiler(lab.torch) as profile:
        begun = time.perf_counter()
        work()
        lab.wait()
        took = time.perf_counter() - begun
    kernels = [e for e in profile.function_events if str(getattr(e, "device_type", "")).endswith("CUDA")]
    if not kernels:
        return None
    busy = sum(event.time_range.elapsed_us() for event in kernels) / 1e6
    return {"kernels": len(kernels), "busy": min(busy / took, 1.0) if took > 0 else None}


def _profiler(torch):
    """The profiler below torch.profiler, which sees the same and does not load torch's compiler. ``use_cuda`` is what every torch so far
    takes, if with a warning; ``use_device`` meant something else in 2.0."""
    profile = torch.autograd.profiler.profile
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return profile(use_cuda=True, use_kineto=True)
        except TypeError:
            return profile(use_device="cuda", use_kineto=True)
