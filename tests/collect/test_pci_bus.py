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


def config(control: int | None) -> bytes:
    """The configuration space of a bridge whose second extended capability is ACS; None: it has none."""
    first = (0x0001 | 0x1 << 16 | 0x148 << 20).to_bytes(4, "little")
    acs = (0x000D | 0x1 << 16).to_bytes(4, "little") + (0x7F).to_bytes(2, "little")
    second = acs + (control or 0).to_bytes(2, "little") if control is not None else bytes(8)
    return bytes(0x100) + first + bytes(0x44) + second + bytes(0x1000 - 0x150)


def behind_bridges(*controls: int | None) -> dict[str, str | bytes | None]:
    """Two cards, each behind a bridge of its own."""
    files: dict[str, str | bytes | None] = {}
    for number, control in enumerate(controls, 1):
        bridge, gpu = f"0000:00:0{number}.0", f"0000:0{number}:00.0"
        place = f"/sys/devices/pci0000:00/{bridge}/{gpu}"
        files |= {f"{place}/{path.rpartition('/')[2]}": text for path, text in card(gpu).items() if gpu in path}
        files |= {
            f"/sys/devices/pci0000:00/{bridge}/config": config(control),
            f"/sys/devices/pci0000:00/{bridge}/max_link_width": "8\n",
            f"/sys/bus/pci/devices/{bridge}": f"->../../../devices/pci0000:00/{bridge}",
            f"/sys/bus/pci/devices/{gpu}": f"->../../../devices/pci0000:00/{bridge}/{gpu}",
        }
    return files


def test_the_bridges_above_a_card_and_what_they_redirect(tmp_path: Path) -> None:
    found = pci_bus(RecordedHost(tmp_path, behind_bridges(0x1D, 0x01)))
    first, second = found.nvidia_gpus
    assert (first.upstream, first.slot_width_max) == (("0000:00:01.0",), 8)
    assert (first.acs_redirects, second.acs_redirects) == (("0000:00:01.0",), ())


def test_bridges_without_acs_and_settings_that_may_not_be_read(tmp_path: Path) -> None:
    files = behind_bridges(None, None)
    files["/sys/devices/pci0000:00/0000:00:02.0/config"] = bytes(64)
    first, second = pci_bus(RecordedHost(tmp_path, files)).nvidia_gpus
    assert (first.acs_redirects, second.acs_redirects) == ((), None)


def test_errors_of_the_link_and_the_iommu(tmp_path: Path) -> None:
    more = {
        "aer_dev_correctable": "RxErr 2\nBadTLP 3\nTOTAL_ERR_COR 5\n",
        "aer_dev_nonfatal": "TOTAL_ERR_NONFATAL 0\n",
        "iommu_group/type": "DMA-FQ\n",
        "local_cpulist": "0-15,32-47\n",
    }
    [gpu] = pci_bus(RecordedHost(tmp_path, card(**more))).devices
    assert (gpu.aer_corrected, gpu.aer_nonfatal, gpu.aer_fatal) == (5, 0, None)
    assert (gpu.iommu, gpu.local_cpus) == ("DMA-FQ", "0-15,32-47")


def test_no_iommu_is_known_to_be_none(tmp_path: Path) -> None:
    [gpu] = pci_bus(RecordedHost(tmp_path, card())).devices
    assert (gpu.iommu, gpu.slot_width_max, gpu.acs_redirects) == ("", None, None)
