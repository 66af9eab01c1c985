from __future__ import annotations

from pathlib import Path

import pytest

from envdoctor.collect.host import CannotLook
from envdoctor.collect.pci_bus import pci_bus
from recorded import RecordedHost

GOOD_BAR = "0x00000000f6000000 0x00000000f6ffffff 0x0000000000040200\n"


def card(address: str = "0000:01:00.0", **changed: str | None) -> dict[str, str | bytes | None]:
    """The files of an RTX 4090."""
    files: dict[str, str | None] = {
        "vendor": "0x10de\n",
        "device": "0x2684\n",
        "class": "0x030000\n",
        "resource": GOOD_BAR,
        "current_link_width": "16\n",
        "max_link_width": "16\n",
        "current_link_speed": "16.0 GT/s PCIe\n",
        "max_link_speed": "16.0 GT/s PCIe\n",
        "numa_node": "-1\n",
        "driver": "->../../drivers/nvidia",
        **changed,
    }
    root = f"/sys/bus/pci/devices/{address}"
    return {
        "/sys/bus/pci/drivers/nvidia": None,
        **{f"{root}/{name}": text for name, text in files.items() if text is not None},
    }


BRIDGE = {
    "/sys/bus/pci/devices/0000:00:00.0/vendor": "0x8086\n",
    "/sys/bus/pci/devices/0000:00:00.0/class": "0x060000\n",
}


def test_a_card_with_its_driver_and_link(tmp_path: Path) -> None:
    found = pci_bus(RecordedHost(tmp_path, {**BRIDGE, **card()}))
    assert found.device_count == 2
    [gpu] = found.devices
    assert (gpu.address, gpu.vendor, gpu.device, gpu.device_class) == ("0000:01:00.0", "10de", "2684", "0300")
    assert (gpu.driver, gpu.bar_unassigned, gpu.is_nvidia_gpu) == ("nvidia", False, True)
    assert (gpu.link_width, gpu.link_speed_gts, gpu.numa_node) == (16, 16.0, -1)
    assert "4090" in (gpu.name or "")


def test_no_driver_is_known_to_be_none(tmp_path: Path) -> None:
    [gpu] = pci_bus(RecordedHost(tmp_path, card(driver=None))).devices
    assert gpu.driver == ""


def test_a_driver_that_may_not_be_looked_at_is_unknown(tmp_path: Path) -> None:
    [gpu] = pci_bus(RecordedHost(tmp_path, card(), denied=("/sys/bus/pci/devices/0000:01:00.0/driver",))).devices
    assert gpu.driver is None


@pytest.mark.parametrize(
    ("resource", "unassigned"),
    [
        (GOOD_BAR, False),
        ("0x0000000000000000 0x0000000000ffffff 0x0000000020040200\n", True),
        ("0x0000000000000000 0x00000007ffffffff 0x0000000000040200\n", True),
        ("0x0000000000000000 0x0000000000000000 0x0000000000000000\n", False),
        ("garbage\n", None),
        ("x y z\n", None),
        ("", False),
    ],
)
def test_a_bar_without_an_address(tmp_path: Path, resource: str, unassigned: bool | None) -> None:
    [gpu] = pci_bus(RecordedHost(tmp_path, card(resource=resource))).devices
    assert gpu.bar_unassigned is unassigned


@pytest.mark.parametrize("text", ["Unknown\n", "255\n", "", "\xff\n"])
def test_a_link_that_is_down_is_unknown(tmp_path: Path, text: str) -> None:
    [gpu] = pci_bus(RecordedHost(tmp_path, card(current_link_width=text, current_link_speed="Unknown\n"))).devices
    assert (gpu.link_width, gpu.link_speed_gts) == (None, None)


def test_other_makers_displays_and_nvidias_switches_are_seen(tmp_path: Path) -> None:
    files = {
        **card("0000:00:02.0", vendor="0x8086\n", driver=None),
        **card("0000:40:00.0", device="0x22a3\n", **{"class": "0x068000\n"}),
    }
    found = pci_bus(RecordedHost(tmp_path, files))
    assert [(device.vendor, device.is_display, device.is_nvswitch) for device in found.devices] == [
        ("8086", True, False),
        ("10de", False, True),
    ]
    assert found.nvidia_gpus == ()


def test_a_bus_that_cannot_be_seen_is_unknown_not_empty(tmp_path: Path) -> None:
    with pytest.raises(CannotLook) as raised:
        pci_bus(RecordedHost(tmp_path))
    assert raised.value.problem.kind == "absent"
    with pytest.raises(PermissionError):
        pci_bus(RecordedHost(tmp_path, BRIDGE, denied=("/sys/bus/pci/devices",)))


def test_a_driver_is_named_though_its_folder_is_out_of_sight(tmp_path: Path) -> None:
    [found] = pci_bus(RecordedHost(tmp_path, {**BRIDGE, **card(driver="->../../drivers/nouveau")})).devices
    assert found.driver == "nouveau"
