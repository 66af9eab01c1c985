"""This boot's kernel log: the lines that bear on the GPU."""

from __future__ import annotations

import re

from envdoctor.collect.api import collector
from envdoctor.collect.host import CannotLook, Host
from envdoctor.facts import KernelLog, XidEvent

NEWEST = 400
BEARS = re.compile(
    r"NVRM|nvidia|nouveau|\bXid\b|SXid|nvlink|Secure ?Boot|secureboot|module verification failed|Lockdown: modprobe|"
    r"BAR \d+.*(?:failed|no space|can't)|Loading of (?:module|unsigned)|Key was rejected|fallen off the bus|PCIe Bus Error",
    re.IGNORECASE,
)
TIME = re.compile(r"^(?:<\d+>)?\[\s*(?P<seconds>\d+\.\d+)\]")
XID = re.compile(r"NVRM: Xid \((?:PCI:)?(?P<pci>[0-9a-fA-F:.]+)\): (?P<code>\d+)")
COMMANDS = (("dmesg",), ("journalctl", "-k", "-b", "-o", "short-monotonic", "--no-pager", "-q"))


@collector
def kernel_log(host: Host) -> KernelLog:
    """dmesg, else the journal. Ordinary users are often denied both."""
    refused: CannotLook | None = None
    for command in COMMANDS:
        try:
            finished = host.run(command, seconds=3)
        except CannotLook as error:
            refused = refused or error
            continue
        if finished.exit_code == 0 and finished.stdout:
            return parse(finished.stdout, " ".join(command))
        words = " ".join((finished.stderr or finished.stdout).split())[:200]
        denied = "not permitted" in words or "Permission denied" in words
        refused = CannotLook("denied" if denied else "failed", words or f"{command[0]} printed nothing")
    assert refused is not None
    raise refused


def parse(text: str, source: str) -> KernelLog:
    """A kernel log as text: the newest lines that bear on the GPU, and every Xid in it."""
    lines = [line for line in text.splitlines() if BEARS.search(line)]
    xids = tuple(event for line in lines if (event := parse_xid(line)) is not None)
    return KernelLog(lines=tuple(lines[-NEWEST:]), xids=xids, sources=dict.fromkeys(("lines", "xids"), source))


def parse_xid(line: str) -> XidEvent | None:
    """One Xid line; None: it is none."""
    match = XID.search(line)
    if match is None:
        return None
    time = TIME.match(line)
    pci = match["pci"].lower()
    seconds = float(time["seconds"]) if time else None
    return XidEvent(code=int(match["code"]), pci=pci, time=seconds, text=line.strip()[:500])
