"""Ask the CUDA driver API, through ctypes, in the examined interpreter: the loader takes the libcuda that torch would get."""

import ctypes
import importlib.util
import os
import sys

_spec = importlib.util.spec_from_file_location(
    "channel", os.path.join(os.path.dirname(os.path.abspath(__file__)), "channel.py")
)
channel = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(channel)

ATTRIBUTE_SM_COUNT, ATTRIBUTE_COMPUTE_MODE, ATTRIBUTE_MAJOR, ATTRIBUTE_MINOR = 16, 20, 75, 76


def mapped():
    """The path of the libcuda in this process's memory map."""
    with open("/proc/self/maps") as maps:
        for line in maps:
            path = line.rstrip("\n").partition("/")[2]
            if "libcuda.so" in path:
                return "/" + path
    return None


def call(library, function, *arguments):
    """The code that a function of the library returns; None: this library does not have it."""
    found = getattr(library, function, None)
    return None if found is None else found(*arguments)


def error_name(library, code):
    """``CUDA_ERROR_NO_DEVICE`` for 100, in the library's own words."""
    text = ctypes.c_char_p()
    if code is not None and call(library, "cuGetErrorName", code, ctypes.byref(text)) == 0 and text.value:
        return text.value.decode("utf-8", "replace")
    return None


def attribute(library, device, number):
    """One device attribute; None where the library refuses it."""
    value = ctypes.c_int()
    return value.value if call(library, "cuDeviceGetAttribute", ctypes.byref(value), number, device) == 0 else None


def describe(library, ordinal):
    """Everything about one device; its error code alone where it cannot be had."""
    device = ctypes.c_int()
    code = call(library, "cuDeviceGet", ctypes.byref(device), ordinal)
    if code != 0:
        return {"ordinal": ordinal, "error": code}
    found = {"ordinal": ordinal, "error": 0}
    name = ctypes.create_string_buffer(256)
    if call(library, "cuDeviceGetName", name, 256, device) == 0:
        found["name"] = name.value.decode("utf-8", "replace")
    major, minor = attribute(library, device, ATTRIBUTE_MAJOR), attribute(library, device, ATTRIBUTE_MINOR)
    if major is not None and minor is not None:
        found["compute_capability"] = "%d.%d" % (major, minor)
    found["sm_count"] = attribute(library, device, ATTRIBUTE_SM_COUNT)
    found["compute_mode"] = attribute(library, device, ATTRIBUTE_COMPUTE_MODE)
    raw = (ctypes.c_ubyte * 16)()
    if call(library, "cuDeviceGetUuid", raw, device) == 0:
        digits = bytes(raw).hex()
        found["uuid"] = "GPU-" + "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    bus = ctypes.create_string_buffer(64)
    if call(library, "cuDeviceGetPCIBusId", bus, 64, device) == 0:
        found["pci_bus_id"] = bus.value.decode("utf-8", "replace")
    total = ctypes.c_size_t()
    if call(library, "cuDeviceTotalMem_v2", ctypes.byref(total), device) == 0:
        found["total_memory_bytes"] = total.value
    return found


def main():
    """Each step is a stage, so that the parent knows which one did not come back."""
    channel.enter("load")
    try:
        library = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        channel.leave("load", library="", load_error=str(error))
        return
    channel.leave("load", library=mapped())
    channel.enter("version")
    version = ctypes.c_int()
    code = call(library, "cuDriverGetVersion", ctypes.byref(version))
    channel.leave("version", driver_version=version.value if code == 0 else None)
    channel.enter("init")
    code = call(library, "cuInit", 0)
    missing = {"load_error": "it has no cuInit"} if code is None else {}
    channel.leave("init", init_code=code, init_name=error_name(library, code), **missing)
    if code != 0:
        return
    channel.enter("devices")
    count = ctypes.c_int()
    code = call(library, "cuDeviceGetCount", ctypes.byref(count))
    devices = [] if code != 0 or "--init-only" in sys.argv else [describe(library, i) for i in range(count.value)]
    channel.leave("devices", device_count=count.value if code == 0 else None, devices=devices)


main()
# Not through exit handlers: what a driver tears down there can hang.
os._exit(0)
