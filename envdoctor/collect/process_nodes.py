"""Which of the GPU's device nodes a running process holds open."""

from __future__ import annotations

import collections
import re

from envdoctor.collect.api import collector
from envdoctor.collect.host import Host
from envdoctor.collect.proc import private
from envdoctor.collect.process import targets
from envdoctor.facts import ProcessNodes

NODE = re.compile(r"/dev/(nvidia\S*|dxg|kfd|nvmap|nvhost-\S+)")


@collector(when="with --pid")
def process_nodes(host: Host) -> ProcessNodes:
    """Its descriptors, one by one: /dev/nvidia0 is GPU 0, /dev/nvidiactl and /dev/nvidia-uvm are the driver's control."""
    pid = host.request.pid
    assert pid is not None
    with private(host, pid, "the open files"):
        found = collections.Counter(path for path in targets(host, pid) if NODE.fullmatch(path))
    return ProcessNodes(open=dict(sorted(found.items())), sources={"open": f"/proc/{pid}/fd"})
