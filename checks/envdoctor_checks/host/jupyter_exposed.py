"""host.jupyter-exposed"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, Fix, check
from envdoctor.diagnose.predicates import in_container
from envdoctor.facts import Container, Processes

LOOPBACK = ("127.", "::1", "::ffff:127.", "localhost")


@check("host.jupyter-exposed")
def jupyter_exposed(processes: Processes, container: Container | None) -> Iterator[Finding]:
    """A Jupyter server runs as root and listens on an address that other machines reach.

    What it means:
    Whoever gets past its token, or finds none, runs commands as root on this machine. GPU machines with such servers are searched for and
    used to mine, which then shows as a GPU that is busy.

    How to confirm it by hand:
    `ss -ltnp | grep -i jupyter`; `ps -o user= -p <pid>`.

    Ways out:
    Start it as an ordinary user, on 127.0.0.1, and reach it through an SSH tunnel (`ssh -L 8888:localhost:8888 host`).

    Often mistaken for:
    Harmless, because a token is set: it is only as safe as every place where the link was pasted.
    """
    for server in processes.jupyter:
        if server.uid != 0 or server.address is None or server.address.startswith(LOOPBACK):
            continue
        yield Finding(
            title=f"Jupyter (process {server.pid}) runs as root and listens on {server.address}:{server.port}",
            severity="info" if in_container(container) else "warning",  # in a container both are the rule
            detail="Whoever reaches it and has its token runs commands as root here.",
            evidence=(server.says("uid"), server.says("address", f"{server.address}:{server.port}")),
            fix=(Fix("Start it as an ordinary user, on the loopback address", "jupyter lab --ip=127.0.0.1"),),
        )
