"""What the readers find of cards and buses: queries of nvidia-smi, its log, lspci and what people write in place of no output."""

from __future__ import annotations

import pytest

from envdoctor.examine import judge
from envdoctor.facts import KernelModule, Nvml, NvmlGpu, PciBus, Snapshot, System
from envdoctor.read.text import read_text


def snapshot(text: str) -> Snapshot:
    return read_text(text, "2026-01-01T00:00:00Z")


def gpus(text: str) -> tuple[NvmlGpu, ...]:
    nvml = snapshot(text).get(Nvml)
    return (nvml.gpus or ()) if nvml is not None else ()


def cause(text: str) -> str | None:
    return judge(snapshot(text)).verdict.cause


def test_a_query_names_its_fields_in_the_first_line() -> None:
    first, second = gpus(
        "index, power.limit [W], power.default_limit [W], pcie.link.width.current, pcie.link.width.max, clocks_throttle_reasons.active\n"
        "0, 400.00 W, 400.00 W, 16, 16, 0x0000000000000001\n1, 200.00 W, 400.00 W, 8, 16, 0x0000000000000040\n"
    )
    assert (first.power_limit_watts, first.pcie_width, first.clock_event_reasons) == (400.0, 16, 1)
    assert (second.power_limit_watts, second.power_limit_default_watts) == (200.0, 400.0)
    assert (second.pcie_width, second.pcie_width_max, second.clock_event_reasons) == (8, 16, 0x40)


def test_a_query_without_a_header_names_them_in_the_command() -> None:
    text = (
        "$ nvidia-smi --query-gpu=index,power.limit,power.default_limit --format=csv,noheader\n3, 100.00 W, 250.00 W\n"
    )
    assert [(gpu.index, gpu.power_limit_watts) for gpu in gpus(text)] == [(3, 100.0)]


def test_a_single_field_is_read_where_the_command_asked_for_it() -> None:
    asked = "nvidia-smi --query-gpu=clocks_event_reasons.hw_thermal_slowdown --format=csv\n"
    answer = "clocks_event_reasons.hw_thermal_slowdown\nActive\n"
    assert gpus(asked + answer)[0].clock_event_reasons == 0x40
    assert gpus(answer) == ()


@pytest.mark.parametrize(
    "text", ["name, age\nbob, 4\n", "name,accuracy\nresnet,0.7\n", "index, mig.mode.current\n0, [N/A]\n"]
)
def test_other_tables_are_no_query(text: str) -> None:
    assert all(gpu.name not in ("bob", "resnet") and gpu.mig_mode is None for gpu in gpus(text))
    assert cause(text) is None


def test_the_log_tells_limits_and_clocks() -> None:
    (gpu,) = gpus(
        "GPU 00000000:01:00.0\n    GPU Power Readings\n        Current Power Limit               : 200.00 W\n"
        "        Default Power Limit               : 450.00 W\n    Applications Clocks\n        Graphics : 585 MHz\n"
        "        Memory : 5001 MHz\n    Default Applications Clocks\n        Graphics : 1230 MHz\n    Max Clocks\n        Graphics : 2100 MHz\n"
    )
    assert (gpu.power_limit_watts, gpu.power_limit_default_watts) == (200.0, 450.0)
    assert (gpu.application_clock_mhz, gpu.application_clock_default_mhz) == (585, 1230)


@pytest.mark.parametrize(("errors", "named"), [("2", "gpu.ecc-errors"), ("0", None)])
def test_double_bit_errors_of_old_logs(errors: str, named: str | None) -> None:
    text = f"ECC Errors\n  Volatile\n    Single Bit\n      Total : 7\n    Double Bit\n      Total : {errors}\n  Aggregate\n    Double Bit\n      Total : 3\n"
    assert cause(text) == named


@pytest.mark.parametrize(("errors", "named"), [("4", "gpu.ecc-errors"), ("0", None), ("N/A", None)])
def test_errors_in_the_table(errors: str, named: str | None) -> None:
    row = f"|   0  Tesla V100-SXM2...  On   | 00000000:1A:00.0 Off |                 {errors:>4} |\n"
    assert cause(row + "| N/A   38C    P0    42W / 300W |      0MiB / 16160MiB |      0%      Default |\n") == named


def test_a_3d_controller_is_a_display_device() -> None:
    bus = snapshot("3b:00.0 3D controller: NVIDIA Corporation TU104GL [Tesla T4] (rev a1)\n").get(PciBus)
    assert bus is not None
    assert [(gpu.address, gpu.device_class) for gpu in bus.nvidia_gpus] == [("0000:3b:00.0", "0302")]


@pytest.mark.parametrize("word", ["unassigned", "ignored"])
def test_a_region_without_an_address(word: str) -> None:
    device = "01:00.0 3D controller: NVIDIA Corporation GK210GL [Tesla K80]\n"
    assert cause(f"{device}\tRegion 1: Memory at <{word}> (64-bit, prefetchable)\n") == "hardware.pci-bar-unassigned"
    assert cause(f"{device}\tRegion 1: Memory at 90000000 (64-bit, prefetchable)\n") is None


@pytest.mark.parametrize(
    "text",
    ["lspci | grep -i nvidia shows nothing", "$ lspci | grep NVIDIA  (nothing)", "lspci | grep -i nvidia: no output"],
)
def test_nothing_listed_in_words(text: str) -> None:
    assert cause(text) == "hardware.no-gpu"


def test_modules_in_words() -> None:
    module = snapshot("lsmod | grep nvidia prints nothing\n").get(KernelModule)
    assert module is not None
    assert module.loaded is False
    assert snapshot("lsmod | grep nvidia shows nvidia_uvm; nothing else\n").get(KernelModule) is None


def test_the_hypervisor_in_an_answer() -> None:
    system = snapshot("$ systemd-detect-virt\nkvm\n").get(System)
    assert system is not None
    assert system.hypervisor == "kvm"
    assert snapshot("$ systemd-detect-virt\nnone\n").get(System) is None
    assert cause("$ systemd-detect-virt\nkvm\n$ lspci | grep -i nvidia\n$ exit\n") == "vm.no-passthrough"


VIRTUAL = "00:0f.0 VGA compatible controller: VMware SVGA II Adapter\n"


def test_the_display_of_a_virtual_machine() -> None:
    assert cause(f"{VIRTUAL}RuntimeError: Found no NVIDIA driver on your system.\n") == "vm.no-passthrough"
    assert cause(f"{VIRTUAL}>>> torch.cuda.is_available()\nTrue\n") is None
    assert cause(VIRTUAL) is None


def test_displays_of_others_only() -> None:
    lshw = "*-display\n  product: UHD Graphics 630\n  vendor: Intel Corporation\n  bus info: pci@0000:00:02.0\n"
    refused = ">>> torch.cuda.is_available()\nFalse\n"
    assert cause(lshw + refused) == "hardware.no-gpu"
    assert cause(lshw) is None
    inxi = "Graphics:\n  Device-1: Intel HD Graphics 530 driver: i915\n"
    assert cause(inxi + refused) == "hardware.no-gpu"
    assert cause(inxi + "  Device-2: NVIDIA GP107M driver: N/A\n" + refused) != "hardware.no-gpu"


def test_what_a_report_refutes_itself() -> None:
    assert cause("bash: nvidia-smi: command not found\n>>> torch.cuda.is_available()\nTrue\n") is None
    assert cause("NVRM: Xid (PCI:0000:01:00): 31, pid=2345, name=python, Ch 00000008\n") is None
    assert cause("NVRM: Xid (PCI:0000:01:00): 45, pid=5, Ch 1 caused by previous Xid 145\n") == "gpu.xid-errors"
    assert cause("NVRM: Xid (PCI:0000:01:00): 32, Channel ID 0000001b\n") == "gpu.xid-errors"
    short = "CUDA out of memory. Tried to allocate {} GiB (GPU 0; 23.69 GiB total capacity; 1.20 GiB already allocated)"
    assert cause(short.format("96.00")) is None
    assert cause(short.format("2.00")) == "gpu.memory-full"


@pytest.mark.parametrize(
    "said",
    [
        "Failed to initialize NVML: Driver/library version mismatch",
        "kernel driver does not appear to be running on this host (DESKTOP-7Q)",
    ],
)
def test_a_linux_driver_in_wsl(said: str) -> None:
    assert cause(f"Ubuntu in WSL2\n{said}\n") == "wsl.driver"
    assert cause(f"Ubuntu\n{said}\n") != "wsl.driver"


def test_no_gpu_in_wsl_is_its_drivers_fault_unless_it_is_masked() -> None:
    text = "Ubuntu in WSL2\nRuntimeError: No CUDA GPUs are available\n"
    assert cause(text) == "wsl.driver"
    assert cause(f"export CUDA_VISIBLE_DEVICES=-1\n{text}") == "env.visible-devices"


def test_error_35_without_a_driver_at_all() -> None:
    text = "CUDA driver version is insufficient for CUDA runtime version\n"
    assert cause(text) == "cuda.driver-too-old"
    assert cause(f"{text}bash: nvidia-smi: command not found\n") == "driver.not-installed"
    assert cause(f"Driver Version: 418.40\n{text}bash: nvidia-smi: command not found\n") == "cuda.driver-too-old"
