"""What running showed: the kernels, their rates and errors, a training step, and what the card did meanwhile."""

from __future__ import annotations

from typing import ClassVar, Literal

from envdoctor.facts.base import Fact

KernelStatus = Literal["ok", "failed", "out-of-memory", "hung", "crashed", "skipped"]


class Kernel(Fact, frozen=True, kw_only=True):
    """One kernel of the work: how it ended."""

    name: str
    """``matmul:bf16``, ``transfers``, ``resnet-step`` …; ``start``: torch was imported and the device woken."""
    status: KernelStatus
    reason: str | None = None
    """Why it was skipped, or what it said when it failed."""
    error_type: str | None = None
    signal: str | None = None
    frame: str | None = None
    """The last Python frame of one that did not come back."""
    seconds: float | None = None


class Rate(Fact, frozen=True, kw_only=True):
    """One thing that was measured: the median of several runs, and whether its numbers were right."""

    name: str
    """``copy``, ``h2d-pinned``, ``matmul``, ``launch-small-issue`` …"""
    value: float
    unit: str
    """``GB/s`` (1e9 bytes), ``TFLOP/s``, ``us`` …"""
    dtype: str | None = None
    spread: float | None = None
    """(p90 - p10) / median of the runs."""
    repeats: int | None = None
    first: float | None = None
    """Seconds that the first run took by the wall clock: what had to be loaded and compiled."""
    size: int | None = None
    error: float | None = None
    """Relative Frobenius error against float64; None with `right` False: not finite."""
    tolerance: float | None = None
    right: bool | None = None
    """None: nothing to compare."""
    backend: str | None = None
    """Of attention: ``math``, ``flash``, ``efficient``, ``cudnn``."""
    cudnn: bool | None = None
    """Of a convolution: whether cuDNN is switched on."""
    on_processor: float | None = None
    """0–1: the share of processor time that the launching thread got while it launched."""
    preempted: int | None = None
    """Times that the launching thread was taken off its processor."""
    from_gpu: int | None = None
    to_gpu: int | None = None
    direct: bool | None = None
    """Of a copy between GPUs: whether the pair has a direct way."""
    ranks: int | None = None
    kernels: int | None = None
    """Of a profile: kernels that it saw on the device; 0: it saw none, which proves nothing."""
    busy: float | None = None
    """0–1: of a profile, the share of a training step in which a kernel ran."""
    first_tenth: float | None = None
    """Of a minute's load: the rate in its first tenth, where `value` is that of its last."""
    bad: int | None = None
    """Bytes of memory that did not read back as written."""


class Watched(Fact, frozen=True, kw_only=True):
    """Every operator of one training step, as torch dispatched it."""

    ops: int = 0
    on_device: int = 0
    elsewhere: int = 0
    """Operators computed on another device."""
    first_elsewhere: str | None = None
    """``aten.addmm.default``."""
    to_host: int = 0
    """Copies from the device to the host."""
    from_host: int = 0
    first_to_host: str | None = None


class TrainingStep(Fact, frozen=True, kw_only=True):
    """ResNet-50 trained on one batch of random images; times in seconds."""

    default_source: ClassVar[str] = "ResNet-50 step"

    batch: int
    side: int
    """Pixels."""
    dtype: str
    images_per_second: float
    p50: float
    p99: float
    longest: float
    issue: float
    """Of host time to issue one step; as long as the step: the host holds the device up."""
    host_wait: float
    """0–1: the share of the time in which the host was ahead, and waited for the device."""
    on_processor: float | None = None
    steps: int
    losses: tuple[float | None, float | None]
    """Of the first and the last step; None: not finite."""
    finite: bool
    devices: tuple[str, ...] = ()
    """Where the parameters are: ``cuda``."""
    gradient_devices: tuple[str, ...] = ()
    watched: Watched | None = None
    """None: this torch cannot watch its dispatcher."""
    peak_bytes: int | None = None


class Load(Fact, frozen=True, kw_only=True):
    """What NVML said of the card while it worked."""

    default_source: ClassVar[str] = "NVML during the work"

    samples: int
    sm_mhz: float | None = None
    """Median while it was busy; MHz."""
    sm_mhz_max: float | None = None
    """The highest that the card has."""
    memory_mhz: float | None = None
    memory_mhz_max: float | None = None
    power_w: float | None = None
    """The highest."""
    power_limit_w: float | None = None
    celsius: float | None = None
    """The highest."""
    utilization: float | None = None
    """Median while it was busy, %."""
    utilization_before: float | None = None
    """Median before the first kernel, %: others' work."""
    reasons: int | None = None
    """Clock event reasons, all bits that were set in at least a fifth of the busy samples: 0x8 hardware slowdown, 0x20 software thermal,
    0x40 hardware thermal, 0x80 power brake (and 0x1 idle, 0x4 power cap, which are benign)."""
    link_generation: int | None = None
    """The highest during the transfers."""
    link_generation_max: int | None = None
    link_width: int | None = None
    link_width_max: int | None = None
    memory_used_before: int | None = None
    """Bytes in use when the first sample was taken."""
    memory_used_most: int | None = None
    ecc_corrected: int | None = None
    """Memory errors that were corrected while it worked."""
    ecc_uncorrected: int | None = None
    pcie_replays: int | None = None
    """Packets that the link sent again meanwhile."""
    bus_width: int | None = None
    """Bits of the memory bus."""


class DeviceWork(Fact, frozen=True, kw_only=True):
    """The work on one device."""

    device: str
    """As torch names it: ``cuda:0``, ``cpu``."""
    gpu: int | None = None
    """NVML's index of it; None: the processor, or not to be told."""
    name: str | None = None
    compute_capability: str | None = None
    multiprocessors: int | None = None
    memory_free: int | None = None
    """Bytes that were free at the start."""
    memory_total: int | None = None
    mig: bool = False
    """A slice of a GPU: its rates cannot be compared with a whole one's."""
    tenants: tuple[str, ...] = ()
    """Other processes that held memory on it before: ``4711 python``."""
    tf32: bool | None = None
    """Whether float32 products may take TF32."""
    kernels: tuple[Kernel, ...] = ()
    rates: tuple[Rate, ...] = ()
    step: TrainingStep | None = None
    load: Load | None = None
    throttled_periods: int | None = None
    """Periods of the cgroup's CPU quota in which this process was stopped during the work."""
    seconds: float | None = None

    def rate(self, name: str, dtype: str | None = None) -> Rate | None:
        """The measurement called `name` (in `dtype`, where it is given)."""
        return next((r for r in self.rates if r.name == name and dtype in (None, r.dtype)), None)

    def kernel(self, name: str) -> Kernel | None:
        """How the kernel called `name` ended; None: it was not run."""
        return next((kernel for kernel in self.kernels if kernel.name == name), None)


class Work(Fact, frozen=True, kw_only=True):
    """Short real work on every visible GPU (or on the device that the user named)."""

    default_source: ClassVar[str] = "work on the device"

    devices: tuple[DeviceWork, ...] = ()
    budget: float | None = None
    """Seconds that were given to it."""
    not_covered: tuple[str, ...] = ()
    """What so short a run cannot see."""
