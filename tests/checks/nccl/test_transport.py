from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Environment, Message, Messages, Nvml
from envdoctor_checks.nccl.transport import transport

INTERFACE = Message(key="nccl-no-socket-interface", text="NCCL WARN Bootstrap : no socket interface found")


def test_fires_on_an_interface_that_is_not_there() -> None:
    environment = Environment(variables={"NCCL_SOCKET_IFNAME": "eth7"})
    [finding] = judge(transport, Messages(messages=(INTERFACE,)), environment).findings
    assert finding.title == "NCCL could not reach a peer: NCCL WARN Bootstrap : no socket interface found"
    assert finding.confidence == "certain"
    assert "NCCL_SOCKET_IFNAME=eth7" in {one.value for one in finding.evidence}
    assert finding.fix[1].command == "unset NCCL_SOCKET_IFNAME"


def test_an_unclear_error_is_only_possible() -> None:
    said = Message(key="nccl-system-error", text="unhandled system error (run with NCCL_DEBUG=INFO for details)")
    [finding] = judge(transport, Messages(messages=(said,))).findings
    assert finding.title.startswith("NCCL could not reach a peer: unhandled system error")
    assert finding.confidence == "possible"
    assert finding.fix[0].command == "export NCCL_DEBUG=INFO"


def test_the_surest_message_is_quoted() -> None:
    said = Message(key="nccl-system-error", text="unhandled system error (run with NCCL_DEBUG=INFO for details)")
    [finding] = judge(transport, Messages(messages=(said, INTERFACE))).findings
    assert finding.title.endswith("no socket interface found")


def test_silent_on_switches_alone() -> None:
    environment = Environment(variables={"NCCL_P2P_DISABLE": "1", "NCCL_SOCKET_IFNAME": "eth0"})
    assert judge(transport, Messages(), environment, Nvml(device_count=8)).findings == ()


def test_silent_on_other_messages() -> None:
    other = Message(key="nccl-mismatched-versions", text="Mismatched NCCL version detected")
    assert judge(transport, Messages(messages=(other,))).findings == ()


def test_skipped_where_no_messages_were_read() -> None:
    assert judge(transport, Environment()).result.status == "skipped"
