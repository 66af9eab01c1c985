"""What NVML says of a card's health: heat, power, memory errors, links. Loaded by its path into the NVML child; reads, never sets."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, Protocol

GRAPHICS, SM = 0, 1
"""NVML's numbers of clocks (nvmlClockType_t)."""
CORRECTED, UNCORRECTED = 0, 1
"""nvmlMemoryErrorType_t."""
VOLATILE, AGGREGATE = 0, 1
"""nvmlEccCounterType_t."""
SHUTDOWN, SLOWDOWN, MEMORY_MAX = 0, 1, 2
"""nvmlTemperatureThresholds_t."""
THERMAL = 1
"""nvmlPerfPolicyType_t."""
RECOVERY_COUNTER = 1
"""nvmlNvLinkErrorCounter_t: 0 replay, 1 recovery, 2 CRC of flits, 3 CRC of data."""
CORRUPTED_INFOROM = 14
MOST_LINKS = 18
"""NVML_NVLINK_MAX_LINKS."""
HOTTEST = 200
"""°C: what a sensor that is absent or broken says lies above."""

FIELDS = {
    "crc flits": 38,
    "crc data": 45,
    "replay": 52,
    "recovery": 59,
    "memory_temperature_celsius": 82,
    "nvlink_mbps": 90,
    "temperature_margin_slowdown_celsius": 194,
    "recovery_action": 230,
}
"""Field values that are asked for in one call; the numbers are NVML's (NVML_FI_DEV_…) and hold for every driver that has them."""
RECOVERY_FAILED = 214
"""NVML_FI_DEV_NVLINK_COUNT_LINK_RECOVERY_FAILED_EVENTS, of one link each (NVLink 5)."""


class Asks(Protocol):
    """The reader of the NVML child."""

    nvml: Any

    def ask(self, function: str, *arguments: Any) -> Any:
        """What a function of pynvml returns; None where it fails."""

    def fields(self, handle: Any, numbers: list[Any]) -> list[int | None]:
        """Field values; None for each that this GPU does not have."""


def health(reader: Asks, handle: Any) -> dict[str, Any]:
    """Fields of `NvmlGpu`."""
    values = dict(zip(FIELDS, reader.fields(handle, list(FIELDS.values())), strict=True))
    found = {key: values[key] for key in FIELDS if key in _OF_THE_CARD}
    parts: tuple[Callable[..., dict[str, Any]], ...] = (_clocks, _heat, _power, _ecc, _repairs, _inforom, _firmware)
    for part in parts:
        found.update(part(reader, handle))
    found.update(_links(reader, handle, values))
    memory = found["memory_temperature_celsius"]
    found["memory_temperature_celsius"] = memory if memory is not None and 0 < memory < HOTTEST else None
    return found


_OF_THE_CARD = (
    "memory_temperature_celsius",
    "nvlink_mbps",
    "temperature_margin_slowdown_celsius",
    "recovery_action",
)


def _clocks(reader: Asks, handle: Any) -> dict[str, Any]:
    """Clocks in MHz, and what holds them down."""
    reasons = reader.ask("nvmlDeviceGetCurrentClocksEventReasons", handle)
    if reasons is None:
        reasons = reader.ask("nvmlDeviceGetCurrentClocksThrottleReasons", handle)
    violation = reader.ask("nvmlDeviceGetViolationStatus", handle, THERMAL)
    return {
        "clock_event_reasons": reasons,
        "thermal_violation_seconds": None if violation is None else violation.violationTime / 1e9,
        "performance_state": reader.ask("nvmlDeviceGetPerformanceState", handle),
        "sm_clock_mhz": reader.ask("nvmlDeviceGetClockInfo", handle, SM),
        "sm_clock_max_mhz": reader.ask("nvmlDeviceGetMaxClockInfo", handle, SM),
        "application_clock_mhz": reader.ask("nvmlDeviceGetApplicationsClock", handle, GRAPHICS),
        "application_clock_default_mhz": reader.ask("nvmlDeviceGetDefaultApplicationsClock", handle, GRAPHICS),
    }


def _heat(reader: Asks, handle: Any) -> dict[str, Any]:
    """Temperatures in °C."""
    now = reader.ask("nvmlDeviceGetTemperature", handle, 0)
    return {
        "temperature_celsius": now if now is not None and 0 < now < HOTTEST else None,
        "temperature_slowdown_celsius": reader.ask("nvmlDeviceGetTemperatureThreshold", handle, SLOWDOWN),
        "temperature_shutdown_celsius": reader.ask("nvmlDeviceGetTemperatureThreshold", handle, SHUTDOWN),
        "memory_temperature_max_celsius": reader.ask("nvmlDeviceGetTemperatureThreshold", handle, MEMORY_MAX),
        "temperature_margin_celsius": reader.ask("nvmlDeviceGetMarginTemperature", handle),
    }


_WATTS = {
    "power_draw_watts": "nvmlDeviceGetPowerUsage",
    "power_limit_watts": "nvmlDeviceGetPowerManagementLimit",
    "power_limit_default_watts": "nvmlDeviceGetPowerManagementDefaultLimit",
    "power_limit_enforced_watts": "nvmlDeviceGetEnforcedPowerLimit",
}


def _power(reader: Asks, handle: Any) -> dict[str, Any]:
    """NVML counts in milliwatts."""
    asked = {key: reader.ask(function, handle) for key, function in _WATTS.items()}
    return {key: None if value is None else value / 1000 for key, value in asked.items()}


def _ecc(reader: Asks, handle: Any) -> dict[str, Any]:
    """Memory errors that were counted."""
    mode = reader.ask("nvmlDeviceGetEccMode", handle)
    default = reader.ask("nvmlDeviceGetDefaultEccMode", handle) if mode is not None else None
    found: dict[str, Any] = {"ecc_default": None if default is None else bool(default)}
    if mode is not None:
        found.update(ecc_enabled=bool(mode[0]), ecc_pending=bool(mode[1]))
    for key, kind, counter in (
        ("ecc_corrected_volatile", CORRECTED, VOLATILE),
        ("ecc_uncorrected_volatile", UNCORRECTED, VOLATILE),
        ("ecc_uncorrected_aggregate", UNCORRECTED, AGGREGATE),
    ):
        found[key] = reader.ask("nvmlDeviceGetTotalEccErrors", handle, kind, counter)
    make = getattr(reader.nvml, "c_nvmlEccSramErrorStatus_v1_t", None)
    status = make() if make is not None else None
    if status is not None and reader.ask("nvmlDeviceGetSramEccErrorStatus", handle, ctypes.byref(status)) is not None:
        found["sram_uncorrected_aggregate"] = status.aggregateUncParity + status.aggregateUncSecDed
        found["sram_threshold_exceeded"] = bool(status.bThresholdExceeded)
    return found


def _repairs(reader: Asks, handle: Any) -> dict[str, Any]:
    """Rows that were replaced (Ampere and later), pages that were retired (before)."""
    found: dict[str, Any] = {}
    rows = reader.ask("nvmlDeviceGetRemappedRows", handle)
    if rows is not None:
        found["remapped_correctable"], found["remapped_uncorrectable"] = rows[0], rows[1]
        found["remap_pending"], found["remap_failed"] = bool(rows[2]), bool(rows[3])
        banks = reader.ask("nvmlDeviceGetRowRemapperHistogram", handle)
        if banks is not None:
            found["remap_banks"] = [getattr(banks, name) for name in ("max", "high", "partial", "low", "none")]
    pending = reader.ask("nvmlDeviceGetRetiredPagesPendingStatus", handle)
    found["retired_pending"] = None if pending is None else bool(pending)
    pages = [reader.ask("nvmlDeviceGetRetiredPages", handle, cause) for cause in (0, 1)]
    known = [len(list(page)) for page in pages if page is not None]
    found["retired_pages"] = sum(known) if known else None
    return found


def _inforom(reader: Asks, handle: Any) -> dict[str, Any]:
    """Whether the checksums of the card's own flash are right, as nvidia-smi asks before every table that it prints."""
    validate = getattr(reader.nvml, "nvmlDeviceValidateInforom", None)
    if validate is None:
        return {}
    try:
        validate(handle)
    except reader.nvml.NVMLError as error:
        return {"inforom_valid": False} if error.value == CORRUPTED_INFOROM else {}
    return {"inforom_valid": True}


def _firmware(reader: Asks, handle: Any) -> dict[str, Any]:
    mode = reader.ask("nvmlDeviceGetGspFirmwareMode", handle)
    return {
        "vbios_version": reader.ask("nvmlDeviceGetVbiosVersion", handle),
        "gsp_firmware_version": reader.ask("nvmlDeviceGetGspFirmwareVersion", handle),
        "gsp_enabled": None if mode is None else bool(mode[0]),
        "pcie_replays": reader.ask("nvmlDeviceGetPcieReplayCounter", handle),
    }


def _links(reader: Asks, handle: Any, values: dict[str, int | None]) -> dict[str, Any]:
    """Whether each NVLink is active, up to the first that the card does not have; and their errors."""
    states: list[bool] = []
    for link in range(MOST_LINKS):
        state = reader.ask("nvmlDeviceGetNvLinkState", handle, link)
        if state is None:
            break
        states.append(bool(state))
    if not states:
        return {"nvlink_mbps": None}
    crc = [value for key in ("crc flits", "crc data") if (value := values[key]) is not None]
    errors = {"crc": sum(crc) if crc else None, "replay": values["replay"], "recovery": values["recovery"]}
    failed = reader.fields(handle, [(RECOVERY_FAILED, link) for link in range(len(states))])
    counted = [value for value in failed if value is not None]
    errors["recovery-failed"] = sum(counted) if counted else None
    found: dict[str, Any] = {
        "nvlinks": states,
        "nvlink_errors": {key: value for key, value in errors.items() if value is not None} or None,
    }
    if errors["recovery"]:
        each = [reader.ask("nvmlDeviceGetNvLinkErrorCounter", handle, i, RECOVERY_COUNTER) for i in range(len(states))]
        found["nvlink_recovered"] = [link for link, count in enumerate(each) if count]
    return found
