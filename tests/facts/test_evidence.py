from __future__ import annotations

from envdoctor.facts import CudaDriver, Nvml, Processes, Resources


def test_a_bare_number_is_named() -> None:
    found = Resources(logical_cpus=1).says("logical_cpus")
    assert (found.source, found.value) == ("resources logical_cpus", "1")


def test_a_source_of_its_own_is_name_enough() -> None:
    found = Nvml(init_code=9, sources={"init_code": "nvmlInit"}).says("init_code")
    assert (found.source, found.value) == ("nvmlInit", "9")
    assert CudaDriver(device_count=2).says("device_count").source == "cuDeviceGetCount"


def test_values_are_words() -> None:
    assert Processes(fabric_manager=False).says("fabric_manager").value == "no"
    assert Processes().says("fabric_manager").value == "unknown"
    assert Nvml().says("gpus").value == "none"
    assert Nvml().says("gpus", ("a", "b")).value == "a, b"
