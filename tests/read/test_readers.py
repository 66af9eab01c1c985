"""What each reader finds, with the line that said it."""

from __future__ import annotations

from typing import TypeVar

import pytest

from envdoctor.facts import (
    Container,
    DeviceNodes,
    DriverLibraries,
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
        (">>> os.environ[\"CUDA_VISIBLE_DEVICES\"]\n''", "CUDA_VISIBLE_DEVICES", ""),
        ('print(os.environ["CUDA_VISIBLE_DEVICES"]) -> "-1"', "CUDA_VISIBLE_DEVICES", "-1"),
        ('I x/cuda_diagnostics.cc:160] env: CUDA_VISIBLE_DEVICES="-1"', "CUDA_VISIBLE_DEVICES", "-1"),
        ('env="map[CUDA_VISIBLE_DEVICES:-1 OLLAMA_HOST:http://0.0.0.0]"', "CUDA_VISIBLE_DEVICES", "-1"),
        ('Environment="CUDA_LAUNCH_BLOCKING=1"', "CUDA_LAUNCH_BLOCKING", "1"),
        ("  CUDA_LAUNCH_BLOCKING: '1'", "CUDA_LAUNCH_BLOCKING", "1"),
    ],
)
def test_variables_however_they_are_set(line: str, name: str, value: str) -> None:
    assert read(line, Environment).get(name) == value


@pytest.mark.parametrize(
    "line",
    [
        "os.environ['CUDA_VISIBLE_DEVICES']: None",
        ">>> os.environ.get('CUDA_VISIBLE_DEVICES')\nNone",
        'env="map[CUDA_VISIBLE_DEVICES: OLLAMA_HOST:http://0.0.0.0]"',
        "For debugging consider passing CUDA_LAUNCH_BLOCKING=1",
    ],
)
def test_a_variable_that_is_not_set_is_not_empty(line: str) -> None:
    assert silent(line, Environment)


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
    assert read("docker run --gpus '\"capabilities=utility\"' image cmd", Container).driver_capabilities == "utility"
    assert silent("I used docker run", Container) or read("I used docker run", Container).gpus_requested is None


@pytest.mark.parametrize(
    ("text", "engine", "asked"),
    [
        ("singularity exec x.sif python train.py", "apptainer", False),
        ("apptainer -q run --nv x.sif", "apptainer", True),
        ("Step 4/9 : RUN python setup.py install", "docker", False),
        ("The command '/bin/sh -c python setup.py install' returned a non-zero code: 1", "docker", False),
        (" => ERROR [5/7] RUN python setup.py install", "docker", False),
        ("root@0f1d2a3b4c5d:/workspace# nvidia-smi", "docker", None),
        ("Inside the container nvidia-smi is not found", "docker", None),
    ],
)
def test_containers_that_no_docker_command_tells_of(text: str, engine: str, asked: bool | None) -> None:
    found = read(text, Container)
    assert (found.engine, found.gpus_requested) == (engine, asked)


@pytest.mark.parametrize("text", ["it works in the docker container", "root@deadbeef:/# ls", "RUN it in 5 containers"])
def test_what_is_no_container_or_well_in_one(text: str) -> None:
    assert silent(text, Container)


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("$ cat /sys/fs/cgroup/cpu.max\n50000 100000", "cpu_quota", 0.5),
        ("cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us\n200000", "cpu_quota", 2.0),
        ('"NanoCpus": 500000000,', "cpu_quota", 0.5),
        ('"CpuQuota": 50000, "CpuPeriod": 100000', "cpu_quota", 0.5),
        ("pid 42's current affinity list: 0-3,8", "affinity_cpus", 5),
        ("Cpus_allowed_list:\t0", "affinity_cpus", 1),
        ("taskset -c 0 python train.py", "affinity_cpus", 1),
        ("numactl --membind=0 --physcpubind=0-7 python train.py", "affinity_cpus", 8),
        ("pid 42's current affinity mask: ff", "affinity_cpus", 8),
        ("CPU(s): 64\n$ nproc\n1", "affinity_cpus", 1),
        ("$ nproc\n1", "affinity_cpus", None),
        ("$ nproc --all\n64", "logical_cpus", 64),
        ("os.cpu_count() -> 128, len(os.sched_getaffinity(0)) -> 1", "affinity_cpus", 1),
        ("cat /sys/fs/cgroup/cpu.max\nmax 100000", "cpu_quota", None),
        ("cat cpu.cfs_quota_us\n-1", "cpu_quota", None),
        ("docker inspect -f '{{.HostConfig.ShmSize}}' x\n67108864", "shm_total_bytes", 64 << 20),
        ("NOTE: The SHMEM allocation limit is set to the default of 64MB.", "shm_total_bytes", 64 << 20),
    ],
)
def test_limits_as_their_commands_print_them(text: str, field: str, value: float | None) -> None:
    found = read_text(text, "2026-01-01T00:00:00Z").get(Resources)
    assert (getattr(found, field) if found is not None else None) == value


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


def test_the_size_of_shared_memory_that_a_command_gives() -> None:
    assert read("docker run --gpus all -it image bash", Resources).shm_total_bytes == 64 << 20
    assert read("docker run --gpus all --shm-size=8g image", Resources).shm_total_bytes == 8 << 30
    assert silent("docker run --gpus all --ipc=host image", Resources)


def test_kubernetes_is_another_container_than_the_one_tried_before() -> None:
    container = read("docker run --gpus all image works\nkubectl get pods\nNAME READY", Container)
    assert (container.engine, container.gpus_requested) == ("kubernetes", None)


@pytest.mark.parametrize("line", ["Creating app_run_1 ... done", " Container app-1  Started"])
def test_compose_says_what_it_starts(line: str) -> None:
    assert read(line, Container).engine == "docker compose"


def test_affinity_before_and_after() -> None:
    text = "python -c 'import os; print(os.sched_getaffinity(0)); import torch; print(os.sched_getaffinity(0))'\n{0, 1, 2, 3}\n{0}\n"
    resources = read(text, Resources)
    assert (resources.logical_cpus, resources.affinity_cpus) == (4, 1)
    assert read("sched_setaffinity(0, 8, [0])            = 0", Resources).affinity_cpus == 1


@pytest.mark.parametrize(
    "text",
    [
        "bash script: export CUDA_VISIBLE_DEVICES=2",
        "C:\\app>set CUDA_VISIBLE_DEVICES=2",
        "(env) user@host:~$ cd x && export CUDA_VISIBLE_DEVICES=2; python a.py",
    ],
)
def test_variables_behind_words_and_prompts(text: str) -> None:
    assert read(text, Environment).get("CUDA_VISIBLE_DEVICES") == "2"


def test_bits_that_keep_others_out() -> None:
    line = "crw-rw---- 1 root video 195, 0 Jun 25 11:05 /dev/nvidia0"
    assert read(line, DeviceNodes).nodes[0].error == "EACCES"
    assert (
        read(f"| NVIDIA-SMI 550.54 Driver Version: 550.54 CUDA Version: 12.4 |\n{line}", DeviceNodes).nodes[0].error
        is None
    )


def test_an_empty_answer_to_lspci() -> None:
    assert read("$ lspci | grep -i nvidia\nThe result is empty.", PciBus).devices == ()
    assert silent("lspci | grep -i nvidia", PciBus)


def test_the_short_bus_of_a_virtual_machine() -> None:
    rows = ["00:00.0 Host bridge: Intel Corporation 440FX", "00:01.0 ISA bridge: Intel Corporation 82371SB"]
    rows += [
        "00:03.0 Ethernet controller: Red Hat, Inc. Virtio network device",
        "00:04.0 SCSI storage controller: Red Hat, Inc. Virtio block device",
    ]
    assert read("\n".join(rows), System).hypervisor == "kvm"
    assert read("\n".join(rows), PciBus).device_count == 4
    assert silent("\n".join(rows[:2]), PciBus)
    assert read("Hypervisor vendor:                  VMware", System).hypervisor == "vmware"


def test_what_lshw_and_inxi_show() -> None:
    text = "  *-display\n  product: GP106 [GeForce GTX 1060]\n  vendor: NVIDIA Corporation\n  bus info: pci@0000:03:00.0\n  configuration: driver=nouveau latency=0"
    [gpu] = read(text, PciBus).devices
    assert (gpu.address, gpu.name, gpu.driver) == ("0000:03:00.0", "GeForce GTX 1060", "nouveau")
    [gpu] = read("Graphics: Device-1: NVIDIA GP107 [GeForce GTX 1050] vendor: Acer driver: N/A", PciBus).devices
    assert (gpu.name, gpu.driver) == ("GeForce GTX 1050", "")
    assert silent(text.replace("NVIDIA", "Intel"), PciBus)


def test_a_plan_of_condas_tells_the_build() -> None:
    plan = "pytorch conda-forge/linux-64::pytorch-2.1.0-{}_0"
    assert read(plan.format("cpu_mkl_py310h0a2b0f1"), TorchInstall).cuda == ""
    assert read(plan.format("cuda120_py310h0a2b0f1"), TorchInstall).cuda is None
    assert (
        read("    pytorch-1.11.0             |cpu_py37h14e09b7_1        49.7 MB  conda-forge", TorchInstall).cuda == ""
    )


def test_two_torches_in_one_conda_list() -> None:
    rows = "pytorch                   0.4.1           py37_0    pytorch\n{}           1.0.0.dev20180921         py3.7_0    pytorch"
    assert len(read(rows.format("pytorch-nightly"), TorchInstall).distributions) == 2
    assert read(rows.format("pytorch-cpu"), TorchInstall).distributions == ()


def test_a_torch_that_cannot_be_imported_is_installed() -> None:
    text = "PyTorch version: N/A\n"
    assert read(text, TorchInstall).present is False
    failed = 'File "C:\\env\\Lib\\site-packages\\torch\\__init__.py", line 148\n' + text
    assert silent(failed, TorchInstall) or read(failed, TorchInstall).present is None


def test_the_versions_that_tensorflow_compares() -> None:
    text = "libcuda reported version is: 375.66.0\nkernel reported version is: 384.130.0\n"
    assert read(text, Nvml).library_version == "375.66"
    assert read(text, KernelModule).version == "384.130"


def test_instances_under_a_gpu_with_mig() -> None:
    rows = "|   0  NVIDIA A100-SXM4-40GB          On  | 00000000:07:00.0 Off |                   On |\n|                               |                      |              Enabled |\n"
    assert read(rows, Nvml).gpus[0].mig_uuids is None
    assert read(f"{rows}|  0    9   0   0  |     11MiB /  4864MiB | 14      0 |\n", Nvml).gpus[0].mig_uuids
    listed = "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-1)\n  MIG 1g.5gb Device 0: (UUID: MIG-2)"
    assert read(listed, Nvml).gpus[0].mig_uuids == ("MIG-2",)


def test_the_first_libcuda_of_the_cache_is_taken() -> None:
    rows = "libcuda.so.1 (libc6,AArch64) => {}/libcuda.so.1\nlibcuda.so.1 (libc6,AArch64) => {}/libcuda.so.1\n"
    compat, own = "/usr/local/cuda-13.0/compat", "/usr/lib/aarch64-linux-gnu"
    winner = read(rows.format(compat, own), DriverLibraries).winner("libcuda.so.1")
    assert winner is not None
    assert winner.kind == "compat"
    assert silent(rows.format(own, compat), DriverLibraries)


def test_the_index_that_torch_was_asked_from_tells_its_build() -> None:
    asked, blind = (
        "$ pip install torch --index-url https://download.pytorch.org/whl/",
        ">>> torch.cuda.is_available()\nFalse\n",
    )
    assert read(asked + "cpu\n" + blind, TorchInstall).build == "cpu"
    assert read(asked + "rocm6.0\n" + blind, TorchInstall).build == "rocm"
    assert read("conda install pytorch cpuonly -c pytorch\n" + blind, TorchInstall).build == "cpu"
    assert silent(asked + "cpu\n", TorchInstall)
    assert silent(asked + "cpu\n>>> torch.cuda.is_available()\nTrue\n", TorchInstall)
    assert silent(asked + "cpu\n" + asked + "cu121\n" + blind, TorchInstall)
    assert silent(asked + "cpu\n$ pip install torch\n" + blind, TorchInstall)


@pytest.mark.parametrize(
    "line",
    (
        "cpuonly                   2.0                           0    pytorch",
        "pytorch-cpu               1.1.0            py3.7_cpu_0    pytorch",
        "pytorch-mutex             1.0                         cpu    pytorch",
        "torch.version.cuda None",
        "torch.version.cuda: None",
    ),
)
def test_a_line_that_only_a_build_for_the_processor_has(line: str) -> None:
    assert read(line + "\n", TorchInstall).build == "cpu"


def test_code_that_asks_for_the_cuda_of_torch_answers_nothing() -> None:
    assert silent("if torch.version.cuda is None:\n    raise\nassert torch.version.cuda == None\n", TorchInstall)
    assert read("torch.version.cuda: 12.1\n", TorchInstall).cuda == "12.1"


def test_a_build_for_intel() -> None:
    assert read("torch 2.5.1+xpu\n", TorchInstall).build == "xpu"


def test_a_gpu_of_amds_counts_where_none_of_nvidias_is_named() -> None:
    assert read("AMD Radeon RX 7900 XTX\n", Reading).amd_line == 1
    assert read("AMD Radeon(TM) Graphics\nNVIDIA GeForce RTX 4060\n", Reading).amd_line is None


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
