"""This boot's kernel log: the lines that bear on the GPU."""

from __future__ import annotations

import time

import msgspec

from envdoctor.collect.api import collector
from envdoctor.collect.host import CannotLook, Host
from envdoctor.facts import KernelLog
from envdoctor.read.kernel_log import parse

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
            found = parse(finished.stdout, " ".join(command))
            # The kernel stamps its lines with a clock that stands still in a suspend, as this one does.
            return msgspec.structs.replace(found, until=time.monotonic()) if host.live else found
        words = " ".join((finished.stderr or finished.stdout).split())[:200]
        denied = "not permitted" in words or "Permission denied" in words
        refused = CannotLook("denied" if denied else "failed", words or f"{command[0]} printed nothing")
    assert refused is not None
    raise refused
