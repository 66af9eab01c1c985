"""Machines on which something hangs, crashes or lies, and cards that are ill."""

from __future__ import annotations

from parts import A100, H100, HGX, WRITE_EVERYWHERE, Case, at_import, beside

HOSTILE = (
    Case(name="cuInit hangs", cause="driver.hung", driver={"STUB_CUINIT": "hang"}, options=("--timeout", "6")),
    Case(
        name="nvmlInit hangs",
        cause="driver.hung",
        driver={"STUB_NVML_INIT": "hang"},
        options=("--timeout", "6"),
        status="degraded",
    ),
    Case(
        name="nvmlInit hangs, CPU wheel",
        cause="driver.hung",
        also=("torch.cpu-only-build",),
        torch="cpu",
        driver={"STUB_NVML_INIT": "hang"},
        options=("--timeout", "6"),
    ),
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
    Case(
        name="import of a CPU wheel crashes",
        cause="torch.import-fails",
        also=("torch.cpu-only-build",),
        torch="cpu",
        environ={"FAKE_TORCH": "segv"},
    ),
    Case(
        name="import torch writes into every descriptor",
        cause=None,
        break_torch=at_import(WRITE_EVERYWHERE),
    ),
    Case(
        name="interpreter hangs in its own start",
        cause="torch.import-fails",
        break_torch=beside("sitecustomize.py", "import time; time.sleep(1000)"),
        options=("--timeout", "6"),
    ),
    Case(
        name="interpreter ends in its own start",
        cause="torch.import-fails",
        break_torch=beside("sitecustomize.py", "import os; os._exit(0)"),
    ),
    Case(
        name="a module named json hides Python's",
        cause="torch.import-fails",
        break_torch=beside("json.py", "raise ValueError('mine')"),
    ),
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
