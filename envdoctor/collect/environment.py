"""The environment variables that matter."""

from __future__ import annotations

from envdoctor.collect.api import collector
from envdoctor.collect.host import CannotLook, Host
from envdoctor.facts import Environment


@collector
def environment(host: Host) -> Environment:
    """Those that the table of variables knows to change how CUDA, torch or the loader behave."""
    from envdoctor.knowledge.variables import matters

    if not host.live:
        raise CannotLook("skipped", "the files of a system do not tell its environment")
    if host.unknown_environ is not None:
        raise CannotLook(host.unknown_environ.kind, host.unknown_environ.detail)
    found = {name: value for name, value in sorted(host.environ.items()) if matters(name) is not None}
    pid = host.request.pid
    sources = {} if pid is None else {"variables": f"/proc/{pid}/environ"}
    return Environment(variables=found, sources=sources)
