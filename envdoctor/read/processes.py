"""ps and ss: a Jupyter server that runs as root and listens on every address."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from envdoctor.facts import Jupyter, Processes
from envdoctor.read.lines import Line
from envdoctor.read.notebook import Notebook

SERVER = re.compile(
    r"^\s*root\s+(?:(?P<pid>\d{1,7})\s)?.*\bjupyter[-_ ](?:lab|notebook|server)\b.*--(?:\w+\.)?ip[= ][\"']?(?P<address>0\.0\.0\.0|\*|::)"
)
PORT = re.compile(r"--(?:\w+\.)?port[= ](?P<port>\d{2,5})\b")
LISTENS = re.compile(r"\bLISTEN\b.*\(\(\"jupyter[^\"]*\",pid=(?P<pid>\d{1,7})")


def read_processes(lines: Sequence[Line], notes: Notebook) -> None:
    """Note such servers; in a list of root's processes only, as ps shows them."""
    servers: list[Jupyter] = []
    pid, first = 0, 0
    for number, text in lines:
        if "jupyter" not in text:
            continue
        listens, server = LISTENS.search(text), SERVER.match(text)
        pid = int(listens["pid"]) if listens is not None else pid
        if server is None:
            continue
        port = PORT.search(text)
        address = server["address"].replace("*", "0.0.0.0")
        number_of = int(port["port"]) if port is not None else 8888  # Jupyter's own default
        servers.append(
            Jupyter(pid=int(server["pid"] or 0), uid=0, address=address, port=number_of, command=text.strip())
        )
        first = first or number
    if servers:
        known = tuple(msgspec.structs.replace(server, pid=server.pid or pid) for server in servers)
        notes.saw("ps", first)
        notes.note(Processes, "jupyter", known, first)
