"""Cards that are ill, or only seem so: on eight H100 the fault is GPU 3's, which the report must say."""

from __future__ import annotations

import time

from parts import A100, H100, HGX, Case
from sandbox import Machine

IDS = {
    "STUB_FABRIC_STATE": "3",
    "STUB_FABRIC_HEALTH": "0x61aa",
    "STUB_PERSISTENCE": "1",
    "STUB_ECC": "1",
    "STUB_ECC_DEFAULT": "1",
    "STUB_REMAP": "0,0,0,0",
    "STUB_SRAM": "0,0",
    "STUB_MIG": "0",
    "STUB_RECOVERY_ACTION": "0",
    "STUB_TEMP_MEM": "45",
    "STUB_TEMP_MEM_MAX": "95",
    "STUB_TEMP_MARGIN": "45",
    "STUB_POWER_LIMIT_MW": "700000",
    "STUB_POWER_DEFAULT_MW": "700000",
    "STUB_THERMAL_SECONDS": "0",
}
WELL = {**H100, **IDS}
"""Eight idle H100 with all that such cards have."""
GPU_3 = "0000:04:00.0"
SYSFS = f"/sys/bus/pci/devices/{GPU_3}"
LAPTOP = {
    "STUB_GPU_NAME": "NVIDIA GeForce RTX 4060 Laptop GPU",
    "STUB_MEM_TOTAL_MIB": "8188",
    "STUB_MEM_USED_MIB": "612",
    "STUB_PCIE_GEN": "1",
    "STUB_PSTATE": "8",
    "STUB_THROTTLE": "0x1",
    "STUB_POWER_MW": "4000",
    "STUB_POWER_LIMIT_MW": "35000",
    "STUB_POWER_DEFAULT_MW": "80000",
    "STUB_DISPLAY": "1",
    "STUB_GRAPHICS_PROCS": "1200:180",
    "STUB_FAN": "none",
    "STUB_THERMAL_SECONDS": "900",
}


def hgx(**files: str) -> Machine:
    """The eight H100, with files of sysfs of GPU 3."""
    return Machine(gpus=HGX.gpus, nodes=HGX.nodes, files={f"{SYSFS}/{name}": text for name, text in files.items()})


def logging(line: str, seconds_ago: float = 60.0) -> Machine:
    """The eight H100 under a kernel that logged this line."""
    stamp = f"[{max(time.monotonic() - seconds_ago, 1.0):12.6f}]"
    dmesg = f"#!/bin/sh\necho '[    0.000000] Linux version 6.8.0'\necho '{stamp} {line}'\n"
    return Machine(gpus=HGX.gpus, nodes=HGX.nodes, files={"/usr/local/sbin/dmesg": dmesg})


def ill(name: str, cause: str, machine: Machine = HGX, status: str = "degraded", **driver: str) -> Case:
    """One fault of GPU 3 of 8."""
    return Case(name=name, cause=cause, machine=machine, driver={**WELL, **driver}, status=status, gpu=3)


def idle(name: str, driver: dict[str, str], machine: Machine | None = None, notes: tuple[str, ...] = ()) -> Case:
    """A healthy machine that looks odd."""
    return Case(name=name, cause=None, driver=driver, machine=machine or Machine(), notes=notes)


SILENT = (
    idle("idle H100 eight times", WELL, HGX),
    idle("idle laptop on battery", LAPTOP),
    idle("idle A100", {**A100, "STUB_ECC": "1", "STUB_ECC_DEFAULT": "1", "STUB_REMAP": "0,0,0,0", "STUB_MIG": "0"}),
    idle("A100 with rows replaced long ago", {**A100, "STUB_ECC": "1", "STUB_REMAP": "4,2,0,0"}),
    idle("idle T4", {"STUB_GPU_NAME": "Tesla T4", "STUB_CC": "7.5", "STUB_ECC": "1", "STUB_RETIRED_SBE": "1",
                     "STUB_RETIRED_DBE": "0", "STUB_RETIRED_PENDING": "0", "STUB_PCIE_GEN": "1", "STUB_PCIE_GEN_MAX": "3",
                     "STUB_CLOCK_APPLICATION": "585", "STUB_CLOCK_APPLICATION_DEFAULT": "585", "STUB_FAN": "none"}),
    idle("idle L4", {"STUB_GPU_NAME": "NVIDIA L4", "STUB_ECC": "1", "STUB_ECC_DEFAULT": "1", "STUB_REMAP": "0,0,0,0",
                     "STUB_POWER_LIMIT_MW": "72000", "STUB_POWER_DEFAULT_MW": "72000", "STUB_FAN": "none"}),
    idle("A100 in MIG slices", {**A100, "STUB_MIG": "1", "STUB_MIG_DEVICES": "2", "STUB_UTIL_GPU": "none"}),
    idle("licensed vGPU", {"STUB_GPU_NAME": "NVIDIA A40-24Q", "STUB_CC": "8.6", "STUB_VIRTUALIZATION": "2", "STUB_LICENSE": "1",
                           "STUB_INFOROM_VALID": "none", "STUB_PCIE_WIDTH": "none", "STUB_POWER_LIMIT_MW": "none",
                           "STUB_POWER_MW": "none", "STUB_GSP": "none"}),
    *(
        idle(f"benign clock event {bit}", {"STUB_THROTTLE": bit, "STUB_PSTATE": "0", "STUB_TEMP": "84"})
        for bit in ("0x10", "0x106")
    ),
    idle("an Xid of a program", WELL, logging("NVRM: Xid (PCI:0000:04:00): 31, pid=4711, name=python3, MMU Fault"), notes=("gpu.xid-errors",)),
    idle("ECC off and MIG ordered", {**WELL, "STUB_ECC_3": "0", "STUB_MIG_PENDING_3": "1"}, HGX, notes=("gpu.ecc-off", "gpu.change-pending")),
    idle("another VBIOS on one of 8", {**WELL, "STUB_VBIOS_3": "96.00.30.00.01"}, HGX, notes=("gpu.firmware-differs",)),
    idle("a server without persistence", {**WELL, "STUB_PERSISTENCE": "0"}, HGX, notes=("gpu.persistence-off",)),
    idle("memory that nobody holds", {**WELL, "STUB_MEM_TOTAL_MIB": "81559", "STUB_MEM_USED_MIB_3": "30000"}, HGX, notes=("gpu.memory-full",)),
    idle("corrected errors of the bus", WELL, hgx(aer_dev_correctable="RxErr 4711\nTOTAL_ERR_COR 4711\n"), notes=("gpu.pcie-errors",)),
)  # fmt: skip

FAULTS = (
    ill("a fatal error of the bus in the log", "gpu.pcie-errors",
        logging(f"nvidia {GPU_3}: AER: PCIe Bus Error: severity=Uncorrectable (Fatal), type=Transaction Layer, (Receiver ID)")),
    ill("SRAM threshold", "gpu.ecc-errors", status="broken", STUB_SRAM_3="5,1"),
    ill("row remap failed", "gpu.ecc-errors", status="broken", STUB_REMAP_3="0,9,0,1"),
    ill("row remap waits for a reset", "gpu.ecc-errors", STUB_REMAP_3="0,1,1,0"),
    ill("no spare row left", "gpu.ecc-errors", STUB_REMAP_BANKS_3="600,30,5,4,1"),
    ill("uncorrectable errors that were contained", "gpu.ecc-errors", STUB_ECC_UNCORRECTED_3="2"),
    ill("uncorrectable errors", "gpu.ecc-errors", status="broken", STUB_ECC_UNCORRECTED_3="2", STUB_RECOVERY_ACTION="none"),
    ill("infoROM corrupted", "gpu.inforom-corrupted", STUB_INFOROM_VALID_3="0"),
    ill("too hot by its margin", "gpu.too-hot", STUB_TEMP_MARGIN_3="-3"),
    ill("memory too hot", "gpu.too-hot", STUB_TEMP_MEM_3="98"),
    ill("power brake", "gpu.throttled", STUB_THROTTLE_3="0x88"),
    ill("NVLink trained anew", "gpu.nvlink-down", STUB_NVLINK_RECOVERIES_3="3", STUB_NVLINK_BAD_LINK_3="7"),
    ill("NVLinks at half speed", "gpu.nvlink-down", STUB_NVLINK_MBPS_3="13281"),
    ill("route of the fabric unhealthy", "gpu.fabric-unhealthy", STUB_FABRIC_HEALTH_3="0x619a"),
    ill("recovery action reset", "gpu.reset-required", status="broken", STUB_RECOVERY_ACTION_3="1"),
    ill("recovery action drain", "gpu.reset-required", STUB_RECOVERY_ACTION_3="3"),
    ill("reset required", "gpu.reset-required", status="broken", STUB_HANDLE_3="16"),
    ill("lost in the middle", "driver.gpu-lost", status="broken", STUB_LOST_3="15"),
    ill("power limit of one of 8", "gpu.clocks-low", STUB_POWER_LIMIT_MW_3="400000"),
    ill("application clocks of one of 8", "gpu.clocks-low", STUB_CLOCK_APPLICATION_3="900", STUB_CLOCK_APPLICATION_DEFAULT_3="1410"),
    ill("one of 8 prohibited", "driver.compute-mode", STUB_COMPUTE_MODE_3="2"),
    ill("one of 8 in MIG mode without instance", "driver.mig-no-instance", STUB_MIG_3="1"),
    ill("fatal errors of the bus", "gpu.pcie-errors", hgx(aer_dev_fatal="TLP 1\nTOTAL_ERR_FATAL 1\n")),
    ill("an uncorrectable error of the bus in the log", "gpu.pcie-errors",
        logging(f"nvidia {GPU_3}: PCIe Bus Error: severity=Uncorrected (Non-Fatal), type=Transaction Layer, (Requester ID)")),
    ill("an Xid that asks for a reset", "gpu.xid-errors", logging("NVRM: Xid (PCI:0000:04:00): 119, pid=4711, Timeout waiting for RPC"), STUB_RECOVERY_ACTION="none"),
    ill("memory of one of 8 taken", "gpu.memory-full", STUB_MEM_TOTAL_MIB="81559", STUB_MEM_USED_MIB_3="81400", STUB_PROCS_3="4242:81000"),
    ill("PCIe lanes of one of 8", "gpu.pcie-degraded", STUB_PCIE_WIDTH_3="8"),
)  # fmt: skip

SEVERAL = (
    Case(name="hot, one lane, ECC, remap pending", cause="gpu.ecc-errors", also=("gpu.pcie-degraded", "gpu.throttled"), machine=HGX, status="degraded",
         gpu=3, driver={**WELL, "STUB_TEMP_3": "96", "STUB_THROTTLE_3": "0x48", "STUB_PCIE_WIDTH_3": "1", "STUB_REMAP_3": "0,1,1,0"}),
    Case(name="a reset of GPU 1 explains nothing of GPU 3", cause="gpu.reset-required", also=("gpu.ecc-errors",), machine=HGX,
         driver={**WELL, "STUB_RECOVERY_ACTION_1": "1", "STUB_REMAP_3": "0,9,0,1"}),
    Case(name="GPU missing between bus and driver", cause="driver.gpu-missing", machine=HGX, driver={**WELL, "STUB_GPU_COUNT": "7"}, status="degraded"),
    Case(name="CUDA lacks what NVML counts", cause="cuda.fewer-devices", machine=HGX, driver={**WELL, "STUB_CUDA_DEVICE_COUNT": "7"}, status="degraded", gpu=7),
    Case(name="more GPUs than expected", cause="hardware.more-gpus", machine=HGX, driver=WELL, options=("--expect", "2"), status="degraded"),
    Case(name="an ill card that is left out", cause=None, machine=HGX, environ={"CUDA_VISIBLE_DEVICES": "0,1"},
         driver={**WELL, "STUB_ECC_UNCORRECTED_3": "12", "STUB_MEM_USED_MIB_4": "24300", "STUB_UTIL_GPU_5": "98", "STUB_PROCS_5": "4711:9000"},
         notes=("gpu.ecc-errors", "gpu.memory-full", "gpu.busy")),
    Case(name="a fatal error of an NVSwitch", cause="gpu.nvswitch-errors", status="degraded",
         machine=logging("nvidia-nvswitch3: SXid (PCI:0000:40:00.0): 20034, Fatal, Link 28 LTSSM Fault Up"), driver=WELL),
    Case(name="GPU on the other socket", cause="gpu.far-from-cpu", status="degraded", gpu=0, driver={"STUB_PERSISTENCE": "1"},
         machine=Machine(files={"/sys/devices/system/node/node0/cpulist": "0-1023\n", "/sys/devices/system/node/node0/distance": "10 32\n",
                                "/sys/devices/system/node/node1/cpulist": "1024-1151\n", "/sys/devices/system/node/node1/distance": "32 10\n",
                                "/sys/bus/pci/devices/0000:01:00.0/numa_node": "1\n"})),
    Case(name="unlicensed vGPU", cause="vm.vgpu-unlicensed", status="degraded",
         driver={"STUB_GPU_NAME": "NVIDIA A40-24Q", "STUB_CC": "8.6", "STUB_VIRTUALIZATION": "2", "STUB_LICENSE": "0"}),
    Case(name="a training job on one of 8", cause="gpu.busy", machine=HGX, options=("--quick",), status="degraded", gpu=3,
         driver={**WELL, "STUB_UTIL_GPU_3": "98", "STUB_PROCS_3": "4711:30000"}),
)  # fmt: skip

ILL = (*SILENT, *FAULTS, *SEVERAL)
