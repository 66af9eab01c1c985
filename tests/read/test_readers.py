"""What each reader finds, with the line that said it."""

from __future__ import annotations

from typing import TypeVar

import pytest

from envdoctor.facts import (
    Container,
    DeviceNodes,
    Environment,
    Fact,
    Interpreter,
    KernelLog,
    KernelModule,
    LoadedLibraries,
    Messages,
    Nvml,
    Packages,
    PciBus,
    Reading,
    Resources,
    System,
    TorchInstall,
    TorchRuntime,
    Work,
)
from envdoctor.read.text import read_text

F = TypeVar("F", bound=Fact)


def read(text: str, kind: type[F]) -> F:
    found = read_text(text, "2026-01-01T00:00:00Z").get(kind)
    assert found is not None
    return found


def silent(text: str, kind: type[Fact]) -> bool:
    return read_text(text, "2026-01-01T00:00:00Z").get(kind) is None


@pytest.mark.parametrize(
    ("line", "version", "cuda"),
    [
        ("PyTorch version: 2.1.1+cu121", "2.1.1+cu121", "12.1"),
        ("[pip3] torch==2.9.0+cu130", "2.9.0+cu130", "13.0"),
        ("torch                     2.2.0+cpu", "2.2.0+cpu", ""),
        ("- PyTorch version (GPU?): 1.12.1+cu116 (False)", "1.12.1+cu116", "11.6"),
        ("torch.__version__  = 2.1.0+cu121", "2.1.0+cu121", "12.1"),
        (">>> torch.__version__\n'2.6.0+cu124'", "2.6.0+cu124", "12.4"),
        ("Ultralytics YOLOv8.1.3 Python-3.10.11 torch-2.1.0+cpu", "2.1.0+cpu", ""),
        ("PyTorch: 2.8.0+cu128", "2.8.0+cu128", "12.8"),
    ],
)
def test_torch_in_every_dialect(line: str, version: str, cuda: str) -> None:
    install = read(line, TorchInstall)
    assert (install.version, install.cuda) == (version, cuda)


def test_a_plain_version_is_the_build_that_the_index_serves() -> None:
    assert read("OS: Ubuntu\n[pip3] torch==2.5.1", TorchInstall).cuda == "12.4"
    assert read("OS: Windows 10\n[pip3] torch==2.5.1", TorchInstall).cuda is None


def test_an_old_environment_dump() -> None:
    text = "PyTorch version: 1.4.0\nIs debug build: No\nCUDA used to build PyTorch: 10.1\nIs CUDA available: Yes\nPython version: 3.7\nNvidia driver version: 418.40.04\n"
    assert read(text, TorchInstall).cuda == "10.1"
    assert read(text, TorchRuntime).cuda_available is True
    assert read(text, Interpreter).version == "3.7"
    nvml = read(text, Nvml)
    assert (nvml.driver_version, nvml.source("driver_version")) == ("418.40.04", "report line 6")


@pytest.mark.parametrize(
    "text",
    [
        ">>> torch.cuda.is_available()\nFalse",
        "torch.cuda.is_available(): False",
        "In [3]: torch.cuda.is_available()\nOut[3]: False",
        "$ python -c 'import torch; print(torch.cuda.is_available())'\nFalse",
        "`torch.cuda.is_available()` returns `False`",
        "CUDA available: False",
        "Is CUDA available: No",
    ],
)
def test_answers_at_a_prompt(text: str) -> None:
    assert read(text, TorchRuntime).cuda_available is False


def test_a_later_try_overrules_and_is_told_as_a_contradiction() -> None:
    text = ">>> torch.__version__\n2.2.0+cu121\n>>> torch.cuda.is_available()\nTrue\n$ pip install -r r.txt\n>>> torch.__version__\n2.3.0+cpu\n>>> torch.cuda.is_available()\nFalse\n"
    assert read(text, TorchInstall).version == "2.3.0+cpu"
    [version, *_] = [c for c in read(text, Reading).contradictions if "torch_install.version" in c]
    assert version == "torch_install.version: 2.2.0+cu121 (report line 2), 2.3.0+cpu (report line 7)"


def test_a_table_of_nvidia_smi() -> None:
    text = """\
| NVIDIA-SMI 550.163.01             Driver Version: 550.163.01     CUDA Version: 12.4     |
|   0  NVIDIA RTX 6000 Ada Gene...    On  |   00000000:C1:00.0 Off |                  Off |
| 30%   47C    P2             90W /  300W |   46867MiB /  49140MiB |    100%   E. Process |
|                                         |                        |             Disabled |
|   1  NVIDIA A100-SXM4-40GB          On  |   00000000:C2:00.0 Off |                    0 |
| N/A   30C    P0             52W /  400W |       0MiB /  40960MiB |      0%      Default |
|                                         |                        |              Enabled |
"""
    nvml = read(text, Nvml)
    assert (nvml.driver_version, nvml.cuda_driver_version, nvml.device_count) == ("550.163.01", 12040, 2)
    first, second = nvml.gpus
    assert (first.compute_mode, first.utilization_percent, first.mig_mode) == (3, 100, 0)
    assert (first.memory_used_bytes, first.memory_total_bytes) == (46867 << 20, 49140 << 20)
    assert (second.name, second.mig_mode, second.pci_bus_id) == ("NVIDIA A100-SXM4-40GB", 1, "00000000:C2:00.0")


def test_a_header_alone_and_wsls() -> None:
    assert read("| NVIDIA-SMI 470.86       Driver Version: 470.86       CUDA Version: 11.4", Nvml).gpus == ()
    wsl = read("| NVIDIA-SMI 530.46                 Driver Version: 531.61       CUDA Version: 12.1     |", Nvml)
    assert wsl.driver_version == "531.61"


def test_the_list_of_gpus() -> None:
    nvml = read("GPU 1: NVIDIA A10 (UUID: GPU-466be1f8-0000-0000-0000-000000000000)", Nvml)
    assert [(gpu.index, gpu.name) for gpu in nvml.gpus] == [(1, "NVIDIA A10")]
    shared = read("GPU 0,1: NVIDIA A10", Nvml)
    assert [gpu.index for gpu in shared.gpus] == [0, 1]


def test_the_long_form_of_nvidia_smi() -> None:
    text = """\
GPU 00000000:3B:00.0
    Clocks Event Reasons
        HW Slowdown                       : Active
            HW Thermal Slowdown           : Active
        SW Power Cap                      : Active
    GPU Link Info
        Link Width
            Max                           : 16x
            Current                       : 1x
    Remapped Rows
        Uncorrectable Error               : 4
        Pending                           : Yes
        Remapping Failure Occurred        : No
    ECC Errors
        Volatile
            SRAM Uncorrectable            : 0
            DRAM Uncorrectable            : 3
"""
    [gpu] = read(text, Nvml).gpus
    assert (gpu.clock_event_reasons, gpu.pcie_width, gpu.pcie_width_max) == (0x48, 1, 16)
    assert (gpu.remap_pending, gpu.remap_failed, gpu.remapped_uncorrectable) == (True, False, 4)
    assert gpu.ecc_uncorrected_volatile == 3


def test_the_long_form_tells_repairs_heat_and_what_the_card_asks_for() -> None:
    text = """\
GPU 00000000:3B:00.0
    MIG Mode
        Current                           : Disabled
        Pending                           : Enabled
    GPU Recovery Action                   : Drain and Reset
    PCI
        Replays Since Reset               : 12
    Clocks Event Reasons
        Idle                              : Active
        HW Slowdown                       : Not Active
    ECC Mode
        Current                           : Enabled
        Pending                           : Enabled
    ECC Errors
        Volatile
            SRAM Uncorrectable Parity     : 0
            SRAM Uncorrectable SEC-DED    : 2
            DRAM Uncorrectable            : 1
        Aggregate
            SRAM Uncorrectable Parity     : 5
            SRAM Threshold Exceeded       : Yes
    Remapped Rows
        Correctable Error                 : 1
        Uncorrectable Error               : 2
        Pending                           : No
        Remapping Failure Occurred        : No
        Bank Remap Availability Histogram
            Max                           : 2559 bank(s)
            High                          : 0 bank(s)
            Partial                       : 0 bank(s)
            Low                           : 0 bank(s)
            None                          : 1 bank(s)
    Temperature
        GPU Current Temp                  : 30 C
        GPU T.Limit Temp                  : -4 C
        GPU Slowdown T.Limit Temp         : -2 C
        Memory Current Temp               : N/A
"""
    [gpu] = read(text, Nvml).gpus
    assert (gpu.mig_mode, gpu.mig_mode_pending, gpu.recovery_action, gpu.pcie_replays) == (0, 1, 4, 12)
    assert (gpu.ecc_enabled, gpu.ecc_pending, gpu.sram_threshold_exceeded) == (True, True, True)
    assert (gpu.ecc_uncorrected_volatile, gpu.ecc_uncorrected_aggregate) == (3, 5)
    assert (gpu.remapped_correctable, gpu.remapped_uncorrectable, gpu.remap_pending) == (1, 2, False)
    assert gpu.remap_banks == (2559, 0, 0, 0, 1)
    assert (gpu.temperature_celsius, gpu.temperature_margin_celsius) == (30, -4)
    assert (gpu.temperature_margin_slowdown_celsius, gpu.memory_temperature_celsius) == (-2, None)
    assert gpu.clock_event_reasons == 0x1


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("export CUDA_VISIBLE_DEVICES=1", "CUDA_VISIBLE_DEVICES", "1"),
        ('os.environ["CUDA_LAUNCH_BLOCKING"] = "1"', "CUDA_LAUNCH_BLOCKING", "1"),
        ("CUDA_VISIBLE_DEVICES=-1 python train.py", "CUDA_VISIBLE_DEVICES", "-1"),
        ("docker run -e CUDA_VISIBLE_DEVICES=3 image", "CUDA_VISIBLE_DEVICES", "3"),
        ("$ echo $LD_LIBRARY_PATH\n/usr/local/cuda/lib64", "LD_LIBRARY_PATH", "/usr/local/cuda/lib64"),
        ("ENV CUDA_HOME=/usr/local/cuda", "CUDA_HOME", "/usr/local/cuda"),
    ],
)
def test_variables_however_they_are_set(line: str, name: str, value: str) -> None:
    assert read(line, Environment).get(name) == value


def test_variables_that_do_not_matter_are_left_alone() -> None:
    assert silent("export AWS_SECRET_ACCESS_KEY=x\nTERM=xterm", Environment)


def test_kernel_lines_and_the_modules_version() -> None:
    text = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  595.45.04  Release Build\n[ 12.5] NVRM: Xid (PCI:0000:3b:00): 79, pid=1\n"
    module = read(text, KernelModule)
    assert (module.version, module.flavour) == ("595.45.04", "open")
    assert [xid.code for xid in read(text, KernelLog).xids] == [79]


def test_device_nodes_with_their_rights() -> None:
    [node] = read("crw-rw---- 1 root video 195,   0 Feb 15 19:37 /dev/nvidia0", DeviceNodes).nodes
    assert (node.path, node.mode, node.group) == ("/dev/nvidia0", "crw-rw----", "video")


def test_the_bus_and_what_holds_the_card() -> None:
    text = "01:00.0 VGA compatible controller [0300]: NVIDIA Corporation TU106 [GeForce RTX 2070] [10de:1f02] (rev a1)\n\tKernel driver in use: nouveau\n"
    [gpu] = read(text, PciBus).devices
    assert (gpu.device, gpu.driver, gpu.name) == ("1f02", "nouveau", "GeForce RTX 2070")


def test_a_bus_of_which_only_a_part_is_shown_proves_no_absence() -> None:
    assert silent("00:02.0 VGA compatible controller: Intel Corporation UHD Graphics 620\n", PciBus)
    empty = "$ lspci | grep -i nvidia\n$ nvidia-smi\nbash: nvidia-smi: command not found\n"
    assert read(empty, PciBus).nvidia_gpus == ()


def test_containers_and_whether_they_asked() -> None:
    assert read("docker run -it --rm --gpus all pytorch/pytorch bash", Container).gpus_requested is True
    assert read("docker run -it --rm pytorch/pytorch bash", Container).gpus_requested is False
    assert read("podman run --device nvidia.com/gpu=all image cmd", Container).gpus_requested is True
    assert read("NVIDIA_DRIVER_CAPABILITIES=utility", Container).driver_capabilities == "utility"
    assert silent("I used docker run", Container) or read("I used docker run", Container).gpus_requested is None


def test_limits() -> None:
    found = read("cpu.max = 400000 100000\nnr_periods 4567\nnr_throttled 3115\nCPU(s):   8\n", Resources)
    assert (found.cpu_quota, found.periods, found.throttled_periods, found.logical_cpus) == (4.0, 4567, 3115, 8)
    assert read(">>> p.cpu_affinity()\n[4]", Resources).affinity_cpus == 1
    assert read("shm   64M  0  64M  0% /dev/shm", Resources).shm_total_bytes == 64 << 20


def test_packages() -> None:
    text = "torch                     1.13.1\ntorchvision               0.14.1\n[pip3] nvidia-nccl-cu12==2.29.3\n  - Installing nvidia-cudnn-cu11 (8.5.0.96)\n"
    packages = {(dist.name, dist.version) for dist in read(text, Packages).distributions}
    assert packages == {
        ("torch", "1.13.1"),
        ("torchvision", "0.14.1"),
        ("nvidia-nccl-cu12", "2.29.3"),
        ("nvidia-cudnn-cu11", "8.5.0.96"),
    }


def test_what_the_loader_took() -> None:
    text = "\tlibnvJitLink.so.12 => /usr/local/cuda-12.1/lib64/libnvJitLink.so.12 (0x000070ddad800000)\n"
    [library] = read(text, LoadedLibraries).libraries
    assert (library.name, library.owner_kind) == ("nvjitlink", "system")
    assert not read(text, LoadedLibraries).complete


def test_copies_that_differ() -> None:
    text = ">>> x\ntensor([1., 2.], device='cuda:0')\n>>> x.to(1)\ntensor([0., 0.], device='cuda:1')\n"
    [device] = read(text, Work).devices
    assert (device.device, device.rates[0].right) == ("cuda:1", False)
    assert silent(text.replace("0., 0.", "1., 2."), Work)


def test_systems() -> None:
    assert read("- Platform: Linux-4.4.0-19041-Microsoft-x86_64-with-glibc2.31", System).wsl == 1
    assert read("OS: Ubuntu 22.04 (WSL2)", System).wsl == 2
    assert read("OS: Microsoft Windows 11 Pro", System).platform == "windows"


def test_a_message_knows_its_line() -> None:
    messages = read("hello\n\nFailed to initialize NVML: Driver/library version mismatch\n", Messages)
    [said] = messages.messages
    assert messages.says("messages", said.text).source == "report line 3"


def test_nothing_in_a_text_is_nothing_known() -> None:
    snapshot = read_text("Hello, what is a good learning rate?", "t")
    assert set(snapshot.facts) == {"messages", "reading"}
    assert read("Hello", Reading).recognised == {}


def test_what_a_prompt_says_of_the_build() -> None:
    text = ">>> print(torch.version.cuda)\nNone\n>>> torch.cuda.get_arch_list()\n['sm_70', 'sm_80']\n>>> torch.cuda.get_device_capability()\n(12, 0)\n"
    assert read(text, TorchInstall).cuda == ""
    assert read(text, TorchRuntime).arch_list == ("sm_70", "sm_80")
    assert read(text, Nvml).gpus[0].compute_capability == "12.0"


def test_a_version_with_its_build_counts_wherever_it_stands() -> None:
    assert read("my torch 2.1.0+cpu is slow", TorchInstall).cuda == ""
    assert silent("Successfully uninstalled torch-2.1.0+cpu", TorchInstall)


def test_old_torches_are_the_builds_that_the_index_served() -> None:
    assert read(">>> torch.__version__\n'1.4.0'", TorchInstall).cuda == "10.1"


def test_what_a_command_puts_into_a_variable_is_unknown() -> None:
    assert silent("export CUDA_VISIBLE_DEVICES=`cat hosts`", Environment)
    assert silent("export CUDA_VISIBLE_DEVICES=$(next_gpu)", Environment)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("ii  libnvidia-compute-550:amd64  550.54.14-0ubuntu1  amd64  NVIDIA libcompute package", "550.54.14"),
        ("nvidia-driver-cuda-libs-535.129.03-1.el9.x86_64", "535.129.03"),
        ("nvidia-utils 545.29.06-1", "545.29.06"),
        ("NVML library version: 560.35", "560.35"),
    ],
)
def test_the_drivers_library_in_every_package_manager(text: str, version: str) -> None:
    nvml = read(text, Nvml)
    assert (nvml.library_version, nvml.source("library_version")) == (version, "report line 1")


def test_a_left_over_package_is_not_taken_for_the_driver() -> None:
    text = (
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22 01:44:30 UTC 2024\n"
        "ii  libnvidia-compute-535:amd64  535.54.03-0ubuntu1  amd64  x\n"
        "ii  libnvidia-compute-550:amd64  550.54.14-0ubuntu1  amd64  x\n"
    )
    assert read(text, Nvml).library_version == "550.54.14"


@pytest.mark.parametrize(
    ("text", "wsl"),
    [
        ("Linux version 5.15.90.1-microsoft-standard-WSL2", 2),
        ("Ubuntu 22.04 on WSL", 2),
        ("- [X] WSL 2\n- [ ] WSL 1", 2),
        ("* Ubuntu    Running         1", 1),
    ],
)
def test_wsl_is_recognised(text: str, wsl: int) -> None:
    assert read(text, System).wsl == wsl


def test_the_question_of_a_form_is_no_answer() -> None:
    assert silent("### Are you using WSL 1 or WSL 2?", System)


def test_a_compose_file_that_asks_for_no_gpu() -> None:
    file = "services:\n  app:\n    image: pytorch/pytorch:2.4.0\n"
    assert read(file, Container).gpus_requested is False
    asks = (
        file
        + "    deploy:\n      resources:\n        reservations:\n          devices:\n            - driver: nvidia\n"
    )
    assert read(asks, Container).gpus_requested is True


def test_the_state_of_the_fabric() -> None:
    text = "GPU 00000000:18:00.0\n    Fabric\n        State                             : In Progress\n"
    assert read(text, Nvml).gpus[0].fabric_state == 2


@pytest.mark.parametrize("prompt", ["", "$ ", "(env) me@host:~$ ", "root@1f2e:/app# "])
def test_variables_in_front_of_a_command(prompt: str) -> None:
    assert read(f"{prompt}CUDA_VISIBLE_DEVICES=7 python run.py", Environment).variables == {"CUDA_VISIBLE_DEVICES": "7"}


def test_a_variable_of_a_compose_file() -> None:
    assert read("environment:\n  CUDA_VISIBLE_DEVICES: all", Environment).variables == {"CUDA_VISIBLE_DEVICES": "all"}
    assert silent("CUDA_VISIBLE_DEVICES: not set", Environment)


def test_no_module_is_loaded_where_grep_finds_none() -> None:
    assert read("$ lsmod | grep nvidia\n$ uname -r", KernelModule).loaded is False
    assert silent("$ lsmod | grep nvidia", KernelModule)  # the paste ends there


def test_pip_show() -> None:
    shown = read("Name: torch\nVersion: 2.4.1+cpu\nSummary: Tensors", TorchInstall)
    assert (shown.version, shown.cuda) == ("2.4.1+cpu", "")
    assert silent("Name: numpy\nVersion: 2.1.0", TorchInstall)


def test_a_build_for_the_processor_without_a_name() -> None:
    assert read('the info tab shows "2.2.1+cpu"', TorchInstall).version == "2.2.1+cpu"
    assert silent("torchaudio says 2.2.1+cpu", TorchInstall)
    assert silent("found 0.17.1+cpu", TorchInstall)


def test_tables_without_colons() -> None:
    table = "sys.platform            linux\nPyTorch                 1.10.0+cu113 @/x/torch\nCUDA available          False\nGPU 0,1                 Tesla V100 (arch=7.0)\n"
    assert read(table, TorchInstall).version == "1.10.0+cu113"
    assert read(table, TorchRuntime).cuda_available is False
    assert [gpu.name for gpu in read(table, Nvml).gpus or ()] == ["Tesla V100", "Tesla V100"]
    assert read(table, System).platform == "linux"


def test_yolo_checks() -> None:
    table = (
        "OS                  Windows-10-10.0.19045-SP0\nCUDA                None\ntorch               2.1.0+cpu>=1.8.0"
    )
    assert read(table, TorchRuntime).cuda_available is False
    assert read(table, TorchInstall).cuda == ""
    assert read(table, System).platform == "windows"


def test_tensorflow_and_windows_in_a_form() -> None:
    form = "TensorFlow version 2.15\nWindows 11\n"
    tensorflow = read(form, Packages).get("tensorflow")
    assert tensorflow is not None and tensorflow.version == "2.15"
    assert read(form, System).platform == "windows"


def test_a_wheel_reached_by_way_of_its_plugin_is_a_wheel() -> None:
    loaded = read(
        "  77:\t file=libnvJitLink.so.12 [0];  needed by /v/site-packages/jax_cuda12_plugin/../nvidia/cusparse/lib/libcusparse.so.12 [0]\n"
        "  77:\t search path=/opt/cuda-12.1/lib64\t\t(LD_LIBRARY_PATH)\n"
        "  77:\t trying file=/opt/cuda-12.1/lib64/libnvJitLink.so.12\n"
        "  77:\t file=libnvJitLink.so.12 [0];  generating link map\n",
        LoadedLibraries,
    )
    assert [(one.name, one.owner_kind, one.reason) for one in loaded.libraries] == [
        ("nvjitlink", "system", "LD_LIBRARY_PATH")
    ]


def test_what_pip_was_told_counts_where_torch_was_then_asked() -> None:
    told = "$ pip install torch===1.3.0 torchvision===0.4.1\n"
    assert read(told + ">>> torch.cuda.is_available()\nFalse\n", TorchInstall).version == "1.3.0"
    assert silent(told, TorchInstall)
    assert silent(told + "ERROR: No matching distribution found\n>>> torch.cuda.is_available()\nFalse\n", TorchInstall)
    other = read(told + ">>> torch.__version__\n'1.2.0'\n>>> torch.cuda.is_available()\nFalse\n", TorchInstall)
    assert other.version == "1.2.0"


@pytest.mark.parametrize(
    ("text", "enabled", "available"),
    [
        (">>> torch.backends.cudnn.enabled\nFalse\n", False, None),
        (">>> torch.backends.cudnn.is_available()\nFalse\n", None, False),
        ("print(torch.backends.cudnn.enabled)  # False\n", False, None),
        ("torch.backends.cudnn.is_available(): True\n", None, True),
        ("torch.backends.cudnn.enabled = False\n", None, None),
    ],
)
def test_what_torch_says_of_cudnn(text: str, enabled: bool | None, available: bool | None) -> None:
    runtime = read(text, TorchRuntime) if enabled is not None or available is not None else TorchRuntime()
    assert (runtime.cudnn_enabled, runtime.cudnn_available) == (enabled, available)


def test_no_framework_for_macos_is_built_with_cuda() -> None:
    asked = ">>> onnxruntime.get_device()\n'CPU'\n"
    assert [said.key for said in read(asked, Messages).messages] == ["onnxruntime-device-cpu-any"]
    assert read(f"OS: macOS 14.4 (arm64)\n{asked}", Messages).messages == ()
