from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Jupyter, Processes
from envdoctor_checks.host.jupyter_exposed import jupyter_exposed
from healthy import DOCKER, OUTSIDE


def server(uid: int | None, address: str | None) -> Processes:
    return Processes(jupyter=(Jupyter(pid=42, uid=uid, address=address, port=8888),))


def test_fires_on_root_on_a_public_address() -> None:
    [finding] = judge(jupyter_exposed, server(0, "0.0.0.0"), OUTSIDE).findings
    assert finding.title == "Jupyter (process 42) runs as root and listens on 0.0.0.0:8888"
    assert finding.severity == "warning"


def test_is_a_note_in_a_container() -> None:
    [finding] = judge(jupyter_exposed, server(0, "::"), DOCKER).findings
    assert finding.severity == "info"


def test_silent_on_loopback_as_a_user_without_an_address_and_without_a_server() -> None:
    for processes in (server(0, "127.0.0.1"), server(0, "::1"), server(1000, "0.0.0.0"), server(0, None), Processes()):
        assert judge(jupyter_exposed, processes, OUTSIDE).findings == ()
