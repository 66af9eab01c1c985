"""Samples one GPU through NVML while another process works on it: ``nvml_watch.py PCI_BUS_ID``; a JSON line every 25 ms, until stdin closes.

A process of its own: a sampler that shares the interpreter would hold up the launches that are being timed. Fields that this
GPU or driver does not have are left out.
"""

import ctypes
import json
import select
import sys
import time

PERIOD = 0.025
GRAPHICS_CLOCK, SM_CLOCK, MEMORY_CLOCK = 0, 1, 2


class Utilization(ctypes.Structure):
    _fields_ = [("gpu", ctypes.c_uint), ("memory", ctypes.c_uint)]


class Memory(ctypes.Structure):
    _fields_ = [("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong)]


def handle_of(nvml, pci):
    """NVML's handle of the GPU at a PCI address; None: it has none."""
    found = ctypes.c_void_p()
    code = nvml.nvmlDeviceGetHandleByPciBusId_v2(pci.encode(), ctypes.byref(found))
    return found if code == 0 else None


def asker(nvml, handle):
    """A function that reads one field: ``ask(call, type, *arguments)`` gives its value, or None."""

    def ask(call, kind, *arguments):
        value = kind()
        function = getattr(nvml, call, None)
        if function is None or function(handle, *arguments, ctypes.byref(value)) != 0:
            return None
        return value

    return ask


def sample(ask):
    """One look: clocks (MHz), power (W), temperature (°C), utilisation (%), event reasons (mask), PCIe link, memory used (bytes)."""
    unsigned = ctypes.c_uint
    found = {
        "sm_mhz": ask("nvmlDeviceGetClockInfo", unsigned, SM_CLOCK),
        "memory_mhz": ask("nvmlDeviceGetClockInfo", unsigned, MEMORY_CLOCK),
        "power_w": ask("nvmlDeviceGetPowerUsage", unsigned),
        "celsius": ask("nvmlDeviceGetTemperature", unsigned, 0),
        "link_generation": ask("nvmlDeviceGetCurrPcieLinkGeneration", unsigned),
        "link_width": ask("nvmlDeviceGetCurrPcieLinkWidth", unsigned),
        "reasons": ask("nvmlDeviceGetCurrentClocksEventReasons", ctypes.c_ulonglong)
        or ask("nvmlDeviceGetCurrentClocksThrottleReasons", ctypes.c_ulonglong),
    }
    values = {key: value.value for key, value in found.items() if value is not None}
    if "power_w" in values:
        values["power_w"] /= 1000.0
    used = ask("nvmlDeviceGetUtilizationRates", Utilization)
    if used is not None:
        values["utilization"] = used.gpu
    memory = ask("nvmlDeviceGetMemoryInfo", Memory)
    if memory is not None:
        values["memory_used"] = memory.used
    return values


def constants(ask):
    """What does not change: the highest clocks (MHz) and link, the power limit (W)."""
    unsigned = ctypes.c_uint
    found = {
        "sm_mhz_max": ask("nvmlDeviceGetMaxClockInfo", unsigned, SM_CLOCK),
        "memory_mhz_max": ask("nvmlDeviceGetMaxClockInfo", unsigned, MEMORY_CLOCK),
        "power_limit_w": ask("nvmlDeviceGetEnforcedPowerLimit", unsigned),
        "link_generation_max": ask("nvmlDeviceGetMaxPcieLinkGeneration", unsigned),
        "link_width_max": ask("nvmlDeviceGetMaxPcieLinkWidth", unsigned),
        "bus_width": ask("nvmlDeviceGetMemoryBusWidth", unsigned),
    }
    values = {key: value.value for key, value in found.items() if value is not None}
    if "power_limit_w" in values:
        values["power_limit_w"] /= 1000.0
    return values


def counters(ask):
    """What only grows: errors of memory since the driver was loaded, packets that PCIe sent again. Asked before and after, not in between."""
    wide = ctypes.c_ulonglong
    found = {
        "ecc_corrected": ask("nvmlDeviceGetTotalEccErrors", wide, 0, 0),
        "ecc_uncorrected": ask("nvmlDeviceGetTotalEccErrors", wide, 1, 0),
        "pcie_replays": ask("nvmlDeviceGetPcieReplayCounter", ctypes.c_uint),
    }
    return {key: value.value for key, value in found.items() if value is not None}


class Process(ctypes.Structure):
    _fields_ = [
        ("pid", ctypes.c_uint),
        ("used", ctypes.c_ulonglong),
        ("gpu_instance", ctypes.c_uint),
        ("compute_instance", ctypes.c_uint),
    ]


def processes(nvml, handle):
    """The pids that hold a compute context on the GPU; None: cannot be told."""
    function = getattr(nvml, "nvmlDeviceGetComputeRunningProcesses_v3", None)
    count, found = ctypes.c_uint(256), (Process * 256)()
    if function is None or function(handle, ctypes.byref(count), found) != 0:
        return None
    return [found[i].pid for i in range(min(count.value, 256))]


def main():
    """Sample until the reader goes away."""
    nvml = ctypes.CDLL("libnvidia-ml.so.1")
    if nvml.nvmlInit_v2() != 0:
        return
    handle = handle_of(nvml, sys.argv[1])
    if handle is None:
        return
    ask = asker(nvml, handle)
    print(json.dumps({"processes": processes(nvml, handle) or []}), flush=True)
    print(json.dumps({"constants": constants(ask)}), flush=True)
    print(json.dumps({"counters": counters(ask)}), flush=True)
    while not select.select([sys.stdin], [], [], PERIOD)[0]:
        print(json.dumps(dict(sample(ask), at=time.monotonic())), flush=True)
    print(json.dumps({"counters": counters(ask)}), flush=True)


if __name__ == "__main__":
    main()
