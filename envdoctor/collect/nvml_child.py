"""Ask NVML, through pynvml, in a child that envdoctor's own interpreter runs: nvmlInit can hang, or take the process down."""

from __future__ import annotations

import ctypes
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

GONE = (15, 16)
"""NVML codes that speak of the whole card (it is lost, it needs a reset), whichever function gives them."""
P2P_READ = 0
"""nvmlGpuP2PCapsIndex_t. (pynvml's own constant is a tuple by mistake.)"""
SIGNED = 5
"""nvmlValueType_t: NVML_VALUE_TYPE_SIGNED_INT."""
WIDE = (2, 3, 4)
"""The types of 64 bits."""


def beside(*path: str) -> Any:
    """A module of ours by its path: this script must not import the engine, which costs more than all that it asks."""
    place = Path(__file__).resolve().parent.joinpath(*path)
    spec = importlib.util.spec_from_file_location(place.stem, place)
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

    def __init__(self, nvml: Any, health: Any = None) -> None:
        self.nvml = nvml
        self.health = health
        self.gone: int | None = None
        """The code by which a call said that the whole card is gone."""

    def ask(self, function: str, *arguments: Any) -> Any:
        """What a function of pynvml returns; None where it fails."""
        call: Callable[..., Any] | None = getattr(self.nvml, function, None)
        if call is None:
            return None
        try:
            return text(call(*arguments))
        except self.nvml.NVMLError as error:
            self.gone = error.value if error.value in GONE else self.gone
        except (AttributeError, TypeError, ValueError, OSError):
            pass
        return None

    def fields(self, handle: Any, numbers: list[Any]) -> list[int | None]:
        """NVML field values, each a number or a number with its scope; None for each that this GPU does not have."""
        values = self.ask("nvmlDeviceGetFieldValues", handle, numbers)
        if values is None or len(values) != len(numbers):
            return [None] * len(numbers)
        return [_number(value) if value.nvmlReturn == 0 else None for value in values]

    def gpu(self, index: int) -> dict[str, Any]:
        """Everything about one GPU; the code alone where its handle cannot be had."""
        try:
            handle = self.nvml.nvmlDeviceGetHandleByIndex(index)
        except self.nvml.NVMLError as error:
            return {"index": index, "error": error.value}
        self.gone = None
        found: dict[str, Any] = {"index": index}
        for key, function in _PLAIN.items():
            found[key] = self.ask(function, handle)
        found.update(self._memory(handle), **self._mig(handle), **self._fabric(handle))
        found.update(self.health.health(self, handle))
        pci = self.ask("nvmlDeviceGetPciInfo", handle)
        if pci is not None:
            found["pci_bus_id"], found["pci_device_id"] = text(pci.busId), pci.pciDeviceId
        capability = self.ask("nvmlDeviceGetCudaComputeCapability", handle)
        found["compute_capability"] = ".".join(map(str, capability)) if capability else None
        rates = self.ask("nvmlDeviceGetUtilizationRates", handle)
        found["utilization_percent"] = None if rates is None else rates.gpu
        found["processes"] = self._processes(handle)
        found["vgpu_license"] = self._license(handle)
        return {**found, "error": self.gone or 0}

    def pairs(self, count: int) -> list[dict[str, Any]]:
        """What lies between each two GPUs."""
        handles = [(index, self.ask("nvmlDeviceGetHandleByIndex", index)) for index in range(count)]
        known = [(index, handle) for index, handle in handles if handle is not None]
        return [
            {
                "first": first,
                "second": second,
                "level": self.ask("nvmlDeviceGetTopologyCommonAncestor", one, other),
                "p2p_read": self.ask("nvmlDeviceGetP2PStatus", one, other, P2P_READ),
            }
            for place, (first, one) in enumerate(known)
            for second, other in known[place + 1 :]
        ]

    def _memory(self, handle: Any) -> dict[str, Any]:
        memory = self.ask("nvmlDeviceGetMemoryInfo", handle)
        names = ("total", "used", "free")
        return {} if memory is None else {f"memory_{name}_bytes": getattr(memory, name) for name in names}

    def _mig(self, handle: Any) -> dict[str, Any]:
        mode = self.ask("nvmlDeviceGetMigMode", handle)
        if mode is None:
            return {}
        current, pending = mode
        most = self.ask("nvmlDeviceGetMaxMigDeviceCount", handle) if current else 0
        if most is None:
            return {"mig_mode": current, "mig_mode_pending": pending}
        uuids = []
        for i in range(most):
            device = self.ask("nvmlDeviceGetMigDeviceHandleByIndex", handle, i)
            if device is not None:
                uuids.append(self.ask("nvmlDeviceGetUUID", device) or f"MIG device {i}")
        return {"mig_mode": current, "mig_mode_pending": pending, "mig_uuids": uuids}

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
                return {
                    "fabric_state": info.state,
                    "fabric_status": info.status,
                    "fabric_health": getattr(info, "healthMask", None),
                }
        return {}

    def _processes(self, handle: Any) -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = []
        for kind, function in PROCESSES.items():
            running = self.ask(function, handle)
            if running is None and kind == "compute":
                return None
            for process in running or ():
                if _is_ours(process.pid):
                    continue
                name = self.ask("nvmlSystemGetProcessName", process.pid) or _proc(process.pid, "comm")
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


def _proc(pid: int, name: str) -> str | None:
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace").strip() or None
    except OSError:
        return None


def _is_ours(pid: int) -> bool:
    """Whether it is a child of the envdoctor that started us: the others of its probes may be on the GPU now."""
    fields = (_proc(pid, "stat") or "").rpartition(")")[2].split()
    return len(fields) > 1 and fields[1] == str(os.getppid())


def _number(value: Any) -> int:
    """A field value by its type."""
    if value.valueType in WIDE:
        return int(value.value.ullVal)
    plain = int(value.value.uiVal)
    return plain - (1 << 32) if value.valueType == SIGNED and plain >= 1 << 31 else plain


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

PROCESSES = {
    "compute": "nvmlDeviceGetComputeRunningProcesses",
    "graphics": "nvmlDeviceGetGraphicsRunningProcesses",
    "mps": "nvmlDeviceGetMPSComputeRunningProcesses",
}


def main() -> None:
    """Each step is a stage, so that the parent knows which one did not come back."""
    channel, health = beside("..", "inside", "channel.py"), beside("nvml_health.py")
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
    reader = Reader(pynvml, health)
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
    if count and count > 1:
        channel.enter("pairs")
        channel.leave("pairs", pairs=reader.pairs(count))


if __name__ == "__main__":
    main()
    # Not through exit handlers: what a driver tears down there can hang.
    os._exit(0)
