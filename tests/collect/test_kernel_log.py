from __future__ import annotations

from pathlib import Path

import pytest

from envdoctor.collect.host import CannotLook, Finished
from envdoctor.collect.kernel_log import kernel_log
from envdoctor.read.kernel_log import parse, parse_xid
from recorded import RecordedHost

LOG = """\
[    0.000000] Linux version 6.8.0
[   12.500000] NVRM: loading NVIDIA UNIX x86_64 Kernel Module  535.183.01
[   13.000000] usb 1-1: new device
[ 4711.250000] NVRM: Xid (PCI:0000:C1:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.
"""
DENIED = Finished(exit_code=1, stdout="", stderr="dmesg: read kernel buffer failed: Operation not permitted\n")


def test_only_what_bears_on_the_gpu_is_kept(tmp_path: Path) -> None:
    host = RecordedHost(tmp_path, commands={"dmesg": Finished(exit_code=0, stdout=LOG, stderr="")})
    found = kernel_log(host)
    assert len(found.lines) == 2
    [xid] = found.xids
    assert (xid.code, xid.pci, xid.time) == (79, "0000:c1:00", 4711.25)
    assert found.source("lines") == "dmesg"


def test_the_journal_stands_in_where_dmesg_is_refused(tmp_path: Path) -> None:
    host = RecordedHost(
        tmp_path, commands={"dmesg": DENIED, "journalctl": Finished(exit_code=0, stdout=LOG, stderr="")}
    )
    assert kernel_log(host).source("lines").startswith("journalctl")


@pytest.mark.parametrize(
    ("dmesg", "kind"),
    [
        (DENIED, "denied"),
        (CannotLook("absent", "no dmesg"), "absent"),
        (Finished(exit_code=1, stdout="", stderr=""), "failed"),
    ],
)
def test_a_log_that_cannot_be_had_is_unknown(tmp_path: Path, dmesg: Finished | CannotLook, kind: str) -> None:
    with pytest.raises(CannotLook) as raised:
        kernel_log(RecordedHost(tmp_path, commands={"dmesg": dmesg}))
    assert raised.value.problem.kind == kind


@pytest.mark.parametrize(
    ("line", "code", "pci"),
    [
        ("NVRM: Xid (PCI:0000:01:00): 31, pid=4711, name=python, Ch 00000010", 31, "0000:01:00"),
        ("[1.5] NVRM: Xid (0000:3b:00): 63, Row remapper: new row", 63, "0000:3b:00"),
        ("Nov 24 13:00:00 host kernel: NVRM: Xid (PCI:0000:e1:00): 119, pid=1, Timeout after 6s", 119, "0000:e1:00"),
    ],
)
def test_xids_as_drivers_write_them(line: str, code: int, pci: str) -> None:
    found = parse_xid(line)
    assert found is not None
    assert (found.code, found.pci) == (code, pci)


def test_other_lines_are_no_xid() -> None:
    assert parse_xid("NVRM: RmInitAdapter failed!") is None
    assert parse_xid("nvidia-nvswitch0: SXid (PCI:0000:05:00.0): 12028, Non-fatal") is None


def test_a_log_of_a_million_lines_is_cut_to_the_newest() -> None:
    found = parse("\n".join(f"[{i}.000000] NVRM: line {i}" for i in range(100_000)), "dmesg")
    assert len(found.lines) == 400
    assert found.lines[-1].endswith("line 99999")


AER = """\
[  100.000000] pcieport 0000:00:01.0: AER: Multiple Corrected error received: 0000:01:00.0
[  100.000001] nvidia 0000:01:00.0: PCIe Bus Error: severity=Corrected, type=Physical Layer, (Receiver ID)
[  200.000000] pcieport 0000:00:01.0: AER: PCIe Bus Error: severity=Uncorrectable (Fatal), type=Transaction Layer, (Receiver ID)
[  300.000000] nvidia 0000:01:00.0: AER: PCIe Bus Error: severity=Uncorrected (Non-Fatal), type=Transaction Layer, (Requester ID)
[ 9000.500000] usb 1-1: new device
"""


def test_errors_of_the_bus_are_told_apart() -> None:
    log = parse(AER, "dmesg")
    assert [(event.severity, event.pci, event.time) for event in log.aer] == [
        ("corrected", "0000:01:00.0", 100.000001),
        ("fatal", "0000:00:01.0", 200.0),
        ("nonfatal", "0000:01:00.0", 300.0),
    ]


def test_the_logs_end_is_its_newest_line_whatever_it_is_about() -> None:
    assert parse(AER, "dmesg").until == 9000.5
    assert parse("no time at all", "dmesg").until is None


def test_a_dated_log_tells_the_age_too() -> None:
    dated = (
        "[Tue Mar  3 19:00:00 2026] NVRM: Xid (PCI:0000:C1:00): 48, pid=1\n"
        "[Thu Mar  5 19:00:00 2026] usb 1-1: new device\n"
    )
    log = parse(dated, "dmesg -T")
    assert log.until is not None
    assert log.xids[0].time is not None
    assert log.until - log.xids[0].time == 2 * 86400


def test_errors_of_switches() -> None:
    line = "[  100.000000] nvidia-nvswitch3: SXid (PCI:0000:c1:00.0): 20034, Fatal, Link 28 LTSSM Fault Up"
    other = "[  101.000000] nvidia-nvswitch0: SXid (PCI:0000:c0:00.0): 12028, Non-fatal, Link 32 egress non-posted PRIV error (First)"
    found = parse(f"{line}\n{other}\n", "dmesg").sxids
    assert [(event.switch, event.code, event.fatal, event.time) for event in found] == [
        ("nvidia-nvswitch3", 20034, True, 100.0),
        ("nvidia-nvswitch0", 12028, False, 101.0),
    ]
