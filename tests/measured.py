"""Sets of measurements, for tests of what is made of them: a healthy H200, and ways in which one is not."""

from __future__ import annotations

from typing import Any

import msgspec

from envdoctor.facts import DeviceWork, Kernel, Load, Rate, TrainingStep, Watched, Work

WATCHED = Watched(ops=1226, on_device=1221)
STEP = TrainingStep(
    batch=128,
    side=224,
    dtype="bf16",
    images_per_second=2900.0,
    p50=0.044,
    p99=0.046,
    longest=0.046,
    issue=0.019,
    host_wait=0.55,
    on_processor=0.98,
    steps=20,
    losses=(7.1, 4.2),
    finite=True,
    devices=("cuda",),
    gradient_devices=("cuda",),
    watched=WATCHED,
    peak_bytes=14 << 30,
)
LOAD = Load(
    samples=60,
    sm_mhz=1830.0,
    sm_mhz_max=1980.0,
    memory_mhz=3201.0,
    memory_mhz_max=3201.0,
    power_w=690.0,
    power_limit_w=700.0,
    celsius=58.0,
    utilization=100.0,
    utilization_before=0.0,
    reasons=0x4,
    link_generation=5,
    link_generation_max=5,
    link_width=16,
    link_width_max=16,
    memory_used_before=500 << 20,
    memory_used_most=16 << 30,
    bus_width=6144,
)


def rate(name: str, value: float, unit: str, dtype: str | None = None, **more: Any) -> Rate:
    """One measurement whose numbers are right."""
    return Rate(**{"name": name, "value": value, "unit": unit, "dtype": dtype, "right": True, "error": 0.0, **more})


RATES = (
    rate("copy", 4280.0, "GB/s"),
    rate("matmul", 785.0, "TFLOP/s", "bf16", error=0.0016, tolerance=0.015),
    rate("matmul", 748.0, "TFLOP/s", "fp16", error=0.0003, tolerance=0.003),
    rate("matmul", 51.0, "TFLOP/s", "fp32", error=4e-7, tolerance=2e-5),
    rate("matmul", 400.0, "TFLOP/s", "tf32", error=4e-4, tolerance=2e-3),
    rate("h2d-pinned", 55.2, "GB/s"),
    rate("d2h-pinned", 55.0, "GB/s"),
    rate("launch-small-issue", 4.6, "us", on_processor=0.99, preempted=0),
    rate("launch-small-wall", 4.7, "us"),
    rate("launch-small-event", 4.7, "us"),
    rate("attention", 420.0, "TFLOP/s", "bf16", backend="cudnn"),
    rate("resnet-step", 2900.0, "images/s", "bf16"),
)
H200 = DeviceWork(
    device="cuda:0",
    gpu=0,
    name="NVIDIA H200",
    compute_capability="9.0",
    multiprocessors=132,
    memory_free=139 << 30,
    memory_total=140 << 30,
    tf32=True,
    kernels=tuple(Kernel(name=name, status="ok", seconds=0.2) for name in ("copy", "matmul:bf16", "resnet-step")),
    rates=RATES,
    step=STEP,
    load=LOAD,
)


def device(**more: Any) -> DeviceWork:
    """The healthy H200, with some fields otherwise."""
    return msgspec.structs.replace(H200, **more)


def work(*devices: DeviceWork) -> Work:
    """The work on these devices; on the healthy H200 where none is named."""
    return Work(devices=devices or (H200,), budget=8.0)


def with_rates(*rates: Rate) -> DeviceWork:
    """The healthy H200 with these measurements in place of its own of the same names and types."""
    replaced = {(rate.name, rate.dtype): rate for rate in rates}
    kept = [rate for rate in RATES if (rate.name, rate.dtype) not in replaced]
    return device(rates=(*kept, *rates))


def with_step(**more: Any) -> DeviceWork:
    """The healthy H200 with a step that differs."""
    return device(step=msgspec.structs.replace(STEP, **more))


def with_load(**more: Any) -> DeviceWork:
    """The healthy H200 with a load that differs."""
    return device(load=msgspec.structs.replace(LOAD, **more))


def with_kernel(name: str, status: Any, **more: Any) -> DeviceWork:
    """The healthy H200 with one more kernel that ended otherwise."""
    return device(kernels=(*H200.kernels, Kernel(name=name, status=status, **more)))


HEALTHY = work()
PROCESSOR = Work(devices=(DeviceWork(device="cpu", rates=(rate("copy", 40.0, "GB/s"),), step=STEP),), budget=8.0)
"""``--device cpu``: what it shows is judged for right numbers only."""
MIG = device(name="NVIDIA H200 MIG 1g.18gb", mig=True, rates=(rate("copy", 500.0, "GB/s"),), load=None)
