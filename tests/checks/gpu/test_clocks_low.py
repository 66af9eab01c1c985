from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Nvml, NvmlGpu, System
from envdoctor_checks.gpu.clocks_low import clocks_low
from healthy import NVML


def test_fires_on_a_lowered_power_limit() -> None:
    low = NvmlGpu(index=3, power_limit_watts=200.0, power_limit_default_watts=450.0)
    [finding] = judge(clocks_low, Nvml(gpus=(low,))).findings
    assert finding.title == "GPU 3: power limit 200 W; its default is 450 W"
    assert finding.fix[0].command == "sudo nvidia-smi -i 3 -pl 450"


def test_fires_on_lowered_application_clocks() -> None:
    low = NvmlGpu(index=0, application_clock_mhz=900, application_clock_default_mhz=1410)
    [finding] = judge(clocks_low, Nvml(gpus=(low,))).findings
    assert finding.title == "GPU 0: application clock 900 MHz; its default is 1410 MHz"


def test_silent_in_a_laptop_whose_firmware_moves_the_limit() -> None:
    limits = {"power_limit_watts": 35.0, "power_limit_default_watts": 80.0}
    named = NvmlGpu(index=0, name="NVIDIA GeForce RTX 4060 Laptop GPU", **limits)  # type: ignore[arg-type]
    assert judge(clocks_low, Nvml(gpus=(named,))).findings == ()
    plain = NvmlGpu(index=0, name="NVIDIA GeForce GTX 1650", **limits)  # type: ignore[arg-type]
    assert judge(clocks_low, Nvml(gpus=(plain,)), System(chassis=10)).findings == ()
    assert len(judge(clocks_low, Nvml(gpus=(plain,)), System(chassis=3)).findings) == 1


def test_silent_at_the_default_above_it_and_where_it_is_unknown() -> None:
    fine = NvmlGpu(
        index=0,
        power_limit_watts=445.0,
        power_limit_default_watts=450.0,
        application_clock_mhz=1500,
        application_clock_default_mhz=1410,
    )
    assert judge(clocks_low, Nvml(gpus=(fine,))).findings == ()
    assert judge(clocks_low, NVML).findings == ()
