"""The live broken machines: what is faked of each, and the root cause that `envdoctor check` must name in its first line."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import Gpu, Machine

PLACE = Path(f"/tmp/envdoctor-gallery-{os.getpid()}")
"""Outside pytest's own folders, which another user inside the machine could not enter."""

BARE = Machine()
NO_DRIVER = Machine(gpus=(Gpu(driver=""),), module="", modules=(), nodes=(), libraries={})
NO_MODULE = Machine(gpus=(Gpu(driver=""),), module="", modules=(), nodes=())
CONTAINER = {"/.dockerenv": ""}
COMPAT = "/usr/local/cuda-13/compat"
STUBS = "/usr/local/cuda-13/lib64/stubs"
WSL_LIBRARIES = "/usr/lib/wsl/lib"
WSL = {"/proc/sys/kernel/osrelease": "5.15.153.1-microsoft-standard-WSL2\n"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One machine of the gallery."""

    name: str
    cause: str | None
    also: tuple[str, ...] = ()
    machine: Machine = BARE
    torch: str | None = "cu124"
    """A build of fixtures/fake-torch; None: no torch at all."""
    driver: dict[str, str] = field(default_factory=dict)
    """Variables of the fake driver."""
    environ: dict[str, str] = field(default_factory=dict)
    break_torch: Callable[[Path], None] | None = None
    """Damages the copy of the torch installation, a folder on PYTHONPATH."""
    options: tuple[str, ...] = ()
    exit_code: int | None = None
    """None: 1 with an error, 0 for a warning or health."""
    status: str | None = None

    @property
    def expected_exit(self) -> int:
        """The exit code."""
        if self.exit_code is not None:
            return self.exit_code
        return 0 if self.cause is None or self.status == "degraded" else 1


def remove(name: str) -> Callable[[Path], None]:
    """Take a library out of the wheels."""

    def act(site: Path) -> None:
        for path in site.glob(f"nvidia/*/lib/{name}"):
            path.unlink()

    return act


def old_cudnn_wheel(site: Path) -> None:
    """Another nvidia-cudnn wheel than torch asks for: its metadata, and the files that go with it."""
    from fake_torch import decoy, write_dist

    for folder in site.glob("nvidia_cudnn_cu12-*"):
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    write_dist(site, "nvidia-cudnn-cu12", "9.0.0.312", ())
    for name in ("libcudnn_graph.so.9", "libcudnn.so.9"):
        decoy(site / "nvidia/cudnn/lib", name, "9.0.0")


def second_dist_info(site: Path) -> None:
    """A second torch dist-info, of another version."""
    from fake_torch import write_dist

    write_dist(site, "torch", "2.4.0", ())


def shadow(site: Path) -> None:
    """A torch.py in front of the package."""
    (site.parent / "work").mkdir()
    (site.parent / "work" / "torch.py").write_text("print('not PyTorch')\n")


NINE_GPUS = tuple(Gpu(address=f"0000:{bus:02x}:00.0", device="2330", device_class="030200") for bus in range(1, 9))
HGX = Machine(
    gpus=(*NINE_GPUS, Gpu(address="0000:40:00.0", device="22a3", device_class="068000", driver="nvidia-nvswitch")),
    nodes=("nvidiactl", "nvidia-uvm", *(f"nvidia{i}" for i in range(8))),
)
H100 = {"STUB_GPU_COUNT": "8", "STUB_GPU_NAME": "NVIDIA H100 80GB HBM3", "STUB_CC": "9.0", "STUB_NVLINK": "1" * 18}
A100 = {"STUB_GPU_NAME": "NVIDIA A100-SXM4-40GB", "STUB_CC": "8.0"}

UNSEEN = Machine(module="", modules=(), nodes=("nvidiactl", "nvidia0"))
"""A driver that runs, where /proc and /sys show nothing of it (gVisor; a container without them)."""

HEALTHY = (
    Case(name="healthy bare metal", cause=None),
    Case(name="healthy, CUDA 13 build", cause=None, torch="cu132"),
    Case(
        name="healthy container",
        cause=None,
        machine=Machine(files=CONTAINER),
        environ={"NVIDIA_VISIBLE_DEVICES": "all"},
    ),
    Case(
        name="healthy 8 GPUs with NVSwitch",
        cause=None,
        machine=HGX,
        driver={**H100, "STUB_FABRIC_STATE": "3"},
        options=("--expect", "8"),
    ),
    Case(
        name="healthy, one GPU of two chosen",
        cause=None,
        driver={"STUB_GPU_COUNT": "2"},
        environ={"CUDA_VISIBLE_DEVICES": "1"},
    ),
    Case(name="healthy unprivileged user", cause=None, machine=Machine(user=65534)),
    Case(name="healthy read-only root", cause=None, machine=Machine(read_only=True)),
    Case(name="healthy, driver of a lower minor", cause=None, driver={"STUB_CUDA_VERSION": "12020"}, machine=BARE),
    Case(name="healthy, no NVML", cause=None, driver={"STUB_NVML_INIT": "12"}),
    Case(name="healthy, --quick", cause=None, options=("--quick",)),
    Case(name="processor on purpose", cause=None, machine=NO_DRIVER, torch="cpu", options=("--expect", "cpu")),
    Case(
        name="decoy in LD_LIBRARY_PATH that DT_RPATH keeps out",
        cause=None,
        torch="cu132",
        environ={"LD_LIBRARY_PATH": "@decoys13"},
    ),
)

BROKEN = (
    Case(name="CPU wheel on a GPU machine", cause="torch.cpu-only-build", torch="cpu"),
    Case(name="no GPU", cause="hardware.no-gpu", also=("torch.cpu-only-build",), machine=Machine(gpus=(), module="", modules=(), nodes=(), libraries={}), torch="cpu"),
    Case(name="no driver", cause="driver.not-installed", machine=NO_DRIVER),
    Case(name="module not loaded", cause="driver.module-not-loaded", machine=NO_MODULE, driver={"STUB_NVML_INIT": "9", "STUB_CUINIT": "100"}),
    Case(
        name="upgraded without reboot",
        cause="driver.version-mismatch",
        machine=Machine(module="595.45.04", libraries={"libcuda.so.1": "595.58.03", "libnvidia-ml.so.1": "595.58.03"}),
        driver={"STUB_NVML_INIT": "18", "STUB_CUINIT": "803", "STUB_LIBRARY_VERSION": "595.58.03"},
    ),
    Case(name="nouveau", cause="driver.nouveau-loaded", machine=Machine(gpus=(Gpu(driver="nouveau"),), module="", modules=("nouveau",), nodes=(), libraries={})),
    Case(name="uvm node missing", cause="driver.device-nodes-missing", machine=Machine(nodes=("nvidiactl", "nvidia0"), modules=("nvidia",)), driver={"STUB_CUINIT": "999"}),
    Case(
        name="no permission",
        cause="driver.device-permission",
        machine=Machine(user=65534, node_mode=0o660),
        driver={"STUB_NVML_INIT": "4", "STUB_CUINIT": "100"},
    ),
    Case(name="GPU lost", cause="driver.gpu-lost", driver={"STUB_RC_nvmlDeviceGetHandleByIndex": "15", "STUB_CUINIT": "999"}),
    Case(name="one GPU of eight lost", cause="driver.gpu-lost", machine=HGX, driver={**H100, "STUB_HANDLE_3": "15", "STUB_CUINIT": "999"}),
    Case(
        name="fabric manager down", cause="driver.fabric-manager-down", machine=HGX, driver={**H100, "STUB_FABRIC_STATE": "2", "STUB_CUINIT": "802"}
    ),
    Case(name="MIG without instance", cause="driver.mig-no-instance", driver={**A100, "STUB_MIG": "1", "STUB_CUINIT": "100"}),
    Case(name="prohibited mode", cause="driver.compute-mode", driver={"STUB_COMPUTE_MODE": "2", "STUB_CUINIT": "46"}),
    Case(name="exclusive and taken", cause="driver.compute-mode", driver={"STUB_COMPUTE_MODE": "3", "STUB_PROCS": "4242:900", "STUB_CUINIT": "46"}),
    Case(name="CUDA_VISIBLE_DEVICES empty", cause="env.visible-devices", environ={"CUDA_VISIBLE_DEVICES": ""}),
    Case(name="CUDA_VISIBLE_DEVICES 7", cause="env.visible-devices", environ={"CUDA_VISIBLE_DEVICES": "7"}),
    Case(name="CUDA_VISIBLE_DEVICES unknown uuid", cause="env.visible-devices", environ={"CUDA_VISIBLE_DEVICES": "GPU-00000000"}),
    Case(
        name="driver too old",
        cause="cuda.driver-too-old",
        machine=Machine(module="470.256.02", libraries={"libcuda.so.1": "470.256.02", "libnvidia-ml.so.1": "470.256.02"}),
        driver={"STUB_CUDA_VERSION": "11040", "STUB_DRIVER_VERSION": "470.256.02", "STUB_GPU_NAME": "Tesla T4", "STUB_CC": "7.5"},
    ),
    Case(
        name="compat on GeForce",
        cause="cuda.compat-conflict",
        environ={"LD_LIBRARY_PATH": f"@driver:{COMPAT}"},
        driver={"STUB_CUINIT": "804"},
    ),
    Case(name="toolkit stub loaded", cause="cuda.stub-loaded", environ={"LD_LIBRARY_PATH": f"@driver:{STUBS}"}, driver={"STUB_CUINIT": "34"}),
    Case(name="NCCL missing", cause="nccl.missing", break_torch=remove("libnccl.so.2")),
    Case(name="cuDNN missing", cause="cudnn.missing", break_torch=remove("libcudnn.so.9")),
    Case(name="cudart missing", cause="cuda.library-missing", break_torch=remove("libcudart.so.12")),
    Case(
        name="cudart gone, the toolkit's takes over",
        cause="cuda.runtime-mismatch",
        torch="cu132",
        break_torch=remove("libcudart.so.13"),
        status="degraded",
        machine=Machine(files={"/etc/ld.so.conf.d/000_toolkit.conf": f"{PLACE}/toolkit\n"}),
    ),
    Case(name="old cuDNN in front", cause="cuda.library-shadowed", environ={"LD_LIBRARY_PATH": "@decoys-cudnn"}),
    Case(name="old nvJitLink in front", cause="cuda.library-shadowed", environ={"LD_LIBRARY_PATH": "@decoys-nvjitlink"}),
    Case(name="torch.py shadowing", cause="torch.shadowed-module", break_torch=shadow, environ={"PYTHONPATH": "@work:@torch"}),
    Case(name="two dist-infos", cause="torch.duplicate-installs", break_torch=second_dist_info),
    Case(name="wrong cuDNN wheel", cause="torch.pinned-libs-mismatch", break_torch=old_cudnn_wheel),
    Case(name="GPU newer than the build", cause="torch.arch-not-supported", driver={"STUB_CC": "12.0", "STUB_GPU_NAME": "NVIDIA GeForce RTX 5090"}),
    Case(name="GPU older than the build", cause="torch.arch-not-supported", torch="cu132", driver={"STUB_CC": "6.1", "STUB_GPU_NAME": "NVIDIA GeForce GTX 1080 Ti"}),
    Case(name="ROCm build on NVIDIA", cause="torch.wrong-vendor-build", torch="rocm"),
    Case(name="no torch", cause="torch.not-installed", torch=None),
    Case(
        name="container without GPU",
        cause="container.gpu-not-passed",
        machine=Machine(files=CONTAINER, nodes=(), libraries={}),
        environ={},
    ),
    Case(
        name="container with utility only",
        cause="container.capabilities-missing",
        machine=Machine(files=CONTAINER, libraries={"libnvidia-ml.so.1": "595.45.04"}),
        environ={"NVIDIA_DRIVER_CAPABILITIES": "utility"},
    ),
    Case(name="container with lost devices", cause="container.devices-lost", machine=Machine(files=CONTAINER), driver={"STUB_NVML_INIT": "999", "STUB_CUINIT": "100"}),
    Case(name="container with 64 KB of shm", cause="container.shm-too-small", machine=Machine(files=CONTAINER, shm_kib=64), status="degraded"),
    Case(name="two causes at once", cause="driver.version-mismatch", also=("torch.cpu-only-build",), torch="cpu",
         machine=Machine(module="535.54.03"), driver={"STUB_NVML_INIT": "18", "STUB_CUINIT": "803"}),
    Case(name="launch blocking", cause="env.launch-blocking", environ={"CUDA_LAUNCH_BLOCKING": "1"}, status="degraded"),
    Case(name="allocator setting that is none", cause="env.alloc-conf", environ={"PYTORCH_CUDA_ALLOC_CONF": "max_split_size_mb"}),
    Case(name="fewer GPUs than expected", cause="hardware.fewer-gpus", options=("--expect", "2")),
    Case(
        name="WSL with a Linux driver inside",
        cause="wsl.driver",
        machine=Machine(gpus=(), module="", modules=(), nodes=("dxg",), files=WSL),
        driver={"STUB_NVML_INIT": "9", "STUB_CUINIT": "100"},
    ),
    Case(name="BAR without an address", cause="hardware.pci-bar-unassigned",
         machine=Machine(gpus=(Gpu(driver="", resource="0x0000000000000000 0x0000000000ffffff 0x0000000000040200\n"),), nodes=("nvidiactl",)),
         driver={"STUB_GPU_COUNT": "0", "STUB_CUINIT": "100"}),
    Case(name="uvm node missing, module out of sight", cause="driver.device-nodes-missing", machine=UNSEEN, driver={"STUB_CUINIT": "999"}),
    Case(name="cuInit fails, module out of sight", cause="cuda.init-failed", driver={"STUB_CUINIT": "999"},
         machine=Machine(module="", modules=(), nodes=("nvidiactl", "nvidia0", "nvidia-uvm"))),
    Case(name="compat on GeForce, module out of sight", cause="cuda.compat-conflict", machine=UNSEEN,
         environ={"LD_LIBRARY_PATH": f"@driver:{COMPAT}"}, driver={"STUB_CUINIT": "804"}),
    Case(name="masked, GPU not on the bus, no NVML", cause="env.visible-devices", environ={"CUDA_VISIBLE_DEVICES": "GPU-00000000"},
         machine=Machine(gpus=(), module="", modules=(), nodes=(), libraries={"libcuda.so.1": "595.45.04"})),
    Case(name="stub and no driver", cause="cuda.stub-loaded", machine=NO_DRIVER, environ={"LD_LIBRARY_PATH": f"@driver:{STUBS}"}, driver={"STUB_CUINIT": "34"}),
    Case(name="GPU without a handle", cause="driver.gpu-lost", driver={"STUB_HANDLE_0": "999", "STUB_CUINIT": "999"}),
    Case(name="container on a host with nouveau", cause="driver.nouveau-loaded",
         machine=Machine(gpus=(Gpu(driver="nouveau"),), module="", modules=("nouveau",), nodes=(), libraries={}, files=CONTAINER)),
    Case(name="container known by its variables, utility only", cause="container.capabilities-missing",
         machine=Machine(libraries={"libnvidia-ml.so.1": "595.45.04"}), environ={"NVIDIA_DRIVER_CAPABILITIES": "utility"}),
    Case(name="container with lost devices, cuInit 304", cause="container.devices-lost", machine=Machine(files=CONTAINER),
         driver={"STUB_NVML_INIT": "999", "STUB_CUINIT": "304"}),
    Case(name="image asks for a newer driver", cause="container.image-requires-newer-driver", also=("cuda.driver-too-old",),
         machine=Machine(module="470.256.02", libraries={"libcuda.so.1": "470.256.02", "libnvidia-ml.so.1": "470.256.02"}, files=CONTAINER),
         environ={"NVIDIA_REQUIRE_CUDA": "cuda>=12.4"}, driver={"STUB_CUDA_VERSION": "11040", "STUB_DRIVER_VERSION": "470.256.02", "STUB_GPU_NAME": "Tesla T4", "STUB_CC": "7.5"}),
    Case(name="WSL, and Windows has no GPU", cause="wsl.driver", environ={"LD_LIBRARY_PATH": f"@driver:{WSL_LIBRARIES}"},
         machine=Machine(gpus=(), module="", modules=(), nodes=("dxg",), libraries={}, files=WSL), driver={"STUB_NVML_INIT": "9", "STUB_CUINIT": "100"}),
    Case(name="container in WSL without GPU", cause="container.gpu-not-passed",
         machine=Machine(gpus=(), module="", modules=(), nodes=(), libraries={}, files={**WSL, **CONTAINER})),
    Case(name="two torches, and the CPU build wins", cause="torch.duplicate-installs", environ={"PYTHONPATH": "@cpu:@torch"}),
)  # fmt: skip

HOSTILE = (
    Case(name="cuInit hangs", cause="driver.hung", driver={"STUB_CUINIT": "hang"}, options=("--timeout", "6")),
    Case(name="nvmlInit hangs", cause=None, driver={"STUB_NVML_INIT": "hang"}, options=("--timeout", "6")),
    Case(
        name="all of the driver hangs",
        cause="driver.hung",
        driver={"STUB_NVML_INIT": "hang", "STUB_CUINIT": "hang"},
        options=("--timeout", "6"),
    ),
    Case(
        name="cuDeviceGetCount hangs",
        cause="driver.hung",
        driver={"STUB_RC_cuDeviceGetCount": "hang"},
        options=("--timeout", "6"),
    ),
    Case(name="cuInit crashes", cause="cuda.init-failed", driver={"STUB_CUINIT": "segv"}),
    Case(name="cuInit aborts", cause="cuda.init-failed", driver={"STUB_CUINIT": "abort"}),
    Case(name="cuInit ends the process", cause="cuda.init-failed", driver={"STUB_CUINIT": "exit:0"}),
    Case(name="cuInit fails in another way", cause="cuda.init-failed", driver={"STUB_CUINIT": "999"}),
    Case(name="nvmlInit crashes", cause="driver.nvml-crashed", driver={"STUB_NVML_INIT": "segv"}, status="degraded"),
    Case(
        name="import torch hangs",
        cause="torch.import-fails",
        environ={"FAKE_TORCH": "hang"},
        options=("--timeout", "6"),
    ),
    Case(name="import torch crashes", cause="torch.import-fails", environ={"FAKE_TORCH": "segv"}),
    Case(name="import torch aborts", cause="torch.import-fails", environ={"FAKE_TORCH": "abort"}),
    Case(name="import torch ends the process", cause="torch.import-fails", environ={"FAKE_TORCH": "exit:0"}),
    Case(name="import torch raises", cause="torch.import-fails", environ={"FAKE_TORCH": "raise"}),
    Case(name="import torch prints garbage", cause=None, environ={"FAKE_TORCH": "garbage"}),
    Case(name="import torch prints JSON like ours", cause=None, environ={"FAKE_TORCH": "json"}),
    Case(name="import torch leaves a child behind", cause=None, environ={"FAKE_TORCH": "fork"}),
    Case(name="no HOME, no PATH to speak of", cause=None, environ={"HOME": "", "PATH": "/usr/bin"}),
)

SICK_3 = {
    "STUB_TEMP_3": "96",
    "STUB_THROTTLE_3": "0x48",
    "STUB_PCIE_WIDTH_3": "1",
    "STUB_ECC_3": "1",
    "STUB_ECC_UNCORRECTED_3": "12",
    "STUB_REMAP_3": "2,1,1,0",
}
SICK = (
    Case(
        name="idle laptop",
        cause=None,
        driver={"STUB_PCIE_GEN": "1", "STUB_PSTATE": "8", "STUB_THROTTLE": "0x1", "STUB_POWER_MW": "4000"},
    ),
    Case(
        name="hot, one lane, ECC errors on GPU 3 of 8",
        cause="gpu.ecc-errors",
        machine=HGX,
        driver={**H100, "STUB_FABRIC_STATE": "3", **SICK_3},
        status="broken",
    ),
    Case(name="hot", cause="gpu.throttled", driver={"STUB_TEMP": "96", "STUB_THROTTLE": "0x48"}, status="degraded"),
    Case(name="one PCIe lane", cause="gpu.pcie-degraded", driver={"STUB_PCIE_WIDTH": "1"}, status="degraded"),
    Case(
        name="row remap pending",
        cause="gpu.ecc-errors",
        driver={**A100, "STUB_ECC": "1", "STUB_REMAP": "1,0,1,0"},
        status="degraded",
    ),
    Case(
        name="NVLink down on one of 8",
        cause="gpu.nvlink-down",
        machine=HGX,
        driver={**H100, "STUB_FABRIC_STATE": "3", "STUB_NVLINK_5": "1" * 17 + "0"},
        status="degraded",
    ),
    Case(
        name="power limit lowered", cause="gpu.clocks-low", driver={"STUB_POWER_LIMIT_MW": "200000"}, status="degraded"
    ),
    Case(
        name="memory taken by another process",
        cause="gpu.memory-full",
        driver={"STUB_MEM_USED_MIB": "24300", "STUB_PROCS": "4242:23900"},
    ),
)
"""Cards that are ill, or seem so."""

CASES = (*HEALTHY, *BROKEN, *SICK, *HOSTILE)
