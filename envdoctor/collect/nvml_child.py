"""Ask NVML, through pynvml, in a child that envdoctor's own interpreter runs: nvmlInit can hang, or take the process down."""

from __future__ import annotations

import ctypes
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

GRAPHICS, SM = 0, 1
"""NVML's numbers of clocks (nvmlClockType_t)."""
UNCORRECTED = 1
"""nvmlMemoryErrorType_t."""
MOST_LINKS = 18
"""NVML_NVLINK_MAX_LINKS."""


def _channel() -> Any:
    path = Path(__file__).resolve().parent.parent / "inside" / "channel.py"
    spec = importlib.util.spec_from_file_location("channel", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def mapped() -> str | None:
    """The path of the libnvidia-ml in this process's memory map."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        path = line.partition("/")[2]
        if "libnvidia-ml.so" in path:
            return "/" + path
    return None


def text(value: Any) -> Any:
    """pynvml's bytes (older versions) as text."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


class Reader:
    """Reads one GPU field by field: a field that fails, or that this pynvml does not know, costs only itself."""

    def __init__(self, nvml: Any) -> None:
        self.nvml = nvml

    def ask(self, function: str, *arguments: Any) -> Any:
        """What a function of pynvml returns; None where it fails."""
        call: Callable[..., Any] | None = getattr(self.nvml, function, None)
        if call is None:
            return None
        try:
            return text(call(*arguments))
        except (self.nvml.NVMLError, AttributeError, ValueError, OSError):
            return None

    def field(self, handle: Any, number: int) -> Any:
        """One NVML field value; None where this GPU does not have it."""
        values = self.ask("nvmlDeviceGetFieldValues", handle, [number])
        if not values or values[0].nvmlReturn != 0:
            return None
        return values[0].value.uiVal

    def gpu(self, index: int) -> dict[str, Any]:
        """Everything about one GPU; the code alone where its handle cannot be had."""
        try:
            handle = self.nvml.nvmlDeviceGetHandleByIndex(index)
        except self.nvml.NVMLError as error:
            return {"index": index, "error": error.value}
        found: dict[str, Any] = {"index": index, "error": 0}
        for key, function in _PLAIN.items():
            found[key] = self.ask(function, handle)
        found.update(self._memory(handle), **self._mig(handle), **self._fabric(handle))
        found.update(self._clocks(handle), **self._errors(handle), nvlinks=self._nvlinks(handle))
        pci = self.ask("nvmlDeviceGetPciInfo", handle)
        if pci is not None:
            found["pci_bus_id"], found["pci_device_id"] = text(pci.busId), pci.pciDeviceId
        capability = self.ask("nvmlDeviceGetCudaComputeCapability", handle)
        found["compute_capability"] = ".".join(map(str, capability)) if capability else None
        rates = self.ask("nvmlDeviceGetUtilizationRates", handle)
        found["utilization_percent"] = None if rates is None else rates.gpu
        found["recovery_action"] = self.field(handle, 230)
        found["processes"] = self._processes(handle)
        found["vgpu_license"] = self._license(handle)
        return found

    def _memory(self, handle: Any) -> dict[str, Any]:
        memory = self.ask("nvmlDeviceGetMemoryInfo", handle)
        names = ("total", "used", "free")
        return {} if memory is None else {f"memory_{name}_bytes": getattr(memory, name) for name in names}

    def _mig(self, handle: Any) -> dict[str, Any]:
        mode = self.ask("nvmlDeviceGetMigMode", handle)
        if mode is None:
            return {}
        current, pending = mode
        uuids = []
        for i in range((self.ask("nvmlDeviceGetMaxMigDeviceCount", handle) or 0) if current else 0):
            device = self.ask("nvmlDeviceGetMigDeviceHandleByIndex", handle, i)
            if device is not None:
                uuids.append(self.ask("nvmlDeviceGetUUID", device) or f"MIG device {i}")
        return {"mig_mode": current, "mig_mode_pending": pending, "mig_uuids": uuids}

    def _clocks(self, handle: Any) -> dict[str, Any]:
        """Clocks and what holds them down, heat, power: MHz, °C, W."""
        reasons = self.ask("nvmlDeviceGetCurrentClocksEventReasons", handle)
        if reasons is None:
            reasons = self.ask("nvmlDeviceGetCurrentClocksThrottleReasons", handle)
        limit = self.ask("nvmlDeviceGetPowerManagementLimit", handle)
        default = self.ask("nvmlDeviceGetPowerManagementDefaultLimit", handle)
        return {
            "clock_event_reasons": reasons,
            "temperature_celsius": self.ask("nvmlDeviceGetTemperature", handle, 0),
            "temperature_slowdown_celsius": self.ask("nvmlDeviceGetTemperatureThreshold", handle, 1),
            "power_limit_watts": None if limit is None else limit / 1000,
            "power_limit_default_watts": None if default is None else default / 1000,
            "sm_clock_mhz": self.ask("nvmlDeviceGetClockInfo", handle, SM),
            "sm_clock_max_mhz": self.ask("nvmlDeviceGetMaxClockInfo", handle, SM),
            "application_clock_mhz": self.ask("nvmlDeviceGetApplicationsClock", handle, GRAPHICS),
            "application_clock_default_mhz": self.ask("nvmlDeviceGetDefaultApplicationsClock", handle, GRAPHICS),
        }

    def _errors(self, handle: Any) -> dict[str, Any]:
        """Memory errors, and their repairs."""
        ecc = self.ask("nvmlDeviceGetEccMode", handle)
        found: dict[str, Any] = {"ecc_enabled": None if ecc is None else bool(ecc[0])}
        for name, counter in (("volatile", 0), ("aggregate", 1)):
            found[f"ecc_uncorrected_{name}"] = self.ask("nvmlDeviceGetTotalEccErrors", handle, UNCORRECTED, counter)
        rows = self.ask("nvmlDeviceGetRemappedRows", handle)
        if rows is not None:
            _, uncorrectable, pending, failed = rows
            found.update(remapped_uncorrectable=uncorrectable, remap_pending=bool(pending), remap_failed=bool(failed))
        pending = self.ask("nvmlDeviceGetRetiredPagesPendingStatus", handle)
        found["retired_pending"] = None if pending is None else bool(pending)
        pages = [self.ask("nvmlDeviceGetRetiredPages", handle, cause) for cause in (0, 1)]
        known = [len(list(page)) for page in pages if page is not None]
        found["retired_pages"] = sum(known) if known else None
        return found

    def _nvlinks(self, handle: Any) -> list[bool] | None:
        """Whether each link is active, up to the first that the card does not have."""
        states: list[bool] = []
        for link in range(MOST_LINKS):
            state = self.ask("nvmlDeviceGetNvLinkState", handle, link)
            if state is None:
                break
            states.append(bool(state))
        return states or None

    def _fabric(self, handle: Any) -> dict[str, Any]:
        """The state alone is read from the second version's structure where there is one, else from the first's."""
        for structure, function in (
            ("c_nvmlGpuFabricInfoV_t", "nvmlDeviceGetGpuFabricInfoV"),
            ("c_nvmlGpuFabricInfo_t", "nvmlDeviceGetGpuFabricInfo"),
        ):
            kind = getattr(self.nvml, structure, None)
            if kind is None:
                continue
            info = kind()
            if hasattr(info, "version") and hasattr(self.nvml, "nvmlGpuFabricInfo_v2"):
                info.version = self.nvml.nvmlGpuFabricInfo_v2
            filled = self.ask(function, handle, ctypes.byref(info))
            if filled is not None:
                return {"fabric_state": info.state, "fabric_status": info.status}
        return {}

    def _processes(self, handle: Any) -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = []
        for kind, function in _PROCESSES.items():
            running = self.ask(function, handle)
            if running is None and kind == "compute":
                return None
            for process in running or ():
                name = self.ask("nvmlSystemGetProcessName", process.pid)
                found.append(
                    {"pid": process.pid, "used_memory_bytes": process.usedGpuMemory, "kind": kind, "name": name}
                )
        return found

    def _license(self, handle: Any) -> str | None:
        features = self.ask("nvmlDeviceGetGridLicensableFeatures", handle)
        if features is None or not features.isGridLicenseSupported:
            return None
        states = [f.featureState for f in features.gridLicensableFeatures[: features.licensableFeaturesCount]]
        return "licensed" if any(states) else "unlicensed"


_PLAIN = {
    "uuid": "nvmlDeviceGetUUID",
    "name": "nvmlDeviceGetName",
    "compute_mode": "nvmlDeviceGetComputeMode",
    "persistence_mode": "nvmlDeviceGetPersistenceMode",
    "virtualization_mode": "nvmlDeviceGetVirtualizationMode",
    "pcie_generation": "nvmlDeviceGetCurrPcieLinkGeneration",
    "pcie_generation_max": "nvmlDeviceGetMaxPcieLinkGeneration",
    "pcie_width": "nvmlDeviceGetCurrPcieLinkWidth",
    "pcie_width_max": "nvmlDeviceGetMaxPcieLinkWidth",
}

_PROCESSES = {
    "compute": "nvmlDeviceGetComputeRunningProcesses",
    "graphics": "nvmlDeviceGetGraphicsRunningProcesses",
    "mps": "nvmlDeviceGetMPSComputeRunningProcesses",
}


def main() -> None:
    """Each step is a stage, so that the parent knows which one did not come back."""
    channel = _channel()
    channel.enter("import")
    import pynvml

    channel.leave("import")
    channel.enter("init")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        library = mapped()
        channel.leave(
            "init",
            library=library or ("" if error.value == pynvml.NVML_ERROR_LIBRARY_NOT_FOUND else None),
            load_error=str(error) if library is None else None,
            init_code=error.value if library is not None else None,
            init_error=str(error),
        )
        return
    channel.leave("init", library=mapped(), init_code=0)
    reader = Reader(pynvml)
    channel.enter("system")
    count = reader.ask("nvmlDeviceGetCount")
    channel.leave(
        "system",
        driver_version=reader.ask("nvmlSystemGetDriverVersion"),
        library_version=reader.ask("nvmlSystemGetNVMLVersion"),
        cuda_driver_version=reader.ask("nvmlSystemGetCudaDriverVersion_v2"),
        device_count=count,
    )
    for index in range(count or 0):
        channel.enter(f"gpu {index}")
        channel.leave(f"gpu {index}", gpu=reader.gpu(index))


if __name__ == "__main__":
    main()
    # Not through exit handlers: what a driver tears down there can hang.
    os._exit(0)
