from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Nvml, NvmlGpu, Processes
from envdoctor_checks.gpu.persistence_off import persistence_off
from healthy import DOCKER, NVML, UBUNTU


def server(count: int = 8, mode: int | None = 0, ecc: bool = True) -> Nvml:
    return Nvml(gpus=tuple(NvmlGpu(index=i, persistence_mode=mode, ecc_default=ecc) for i in range(count)))


def test_notes_a_server_that_lets_go_of_its_cards() -> None:
    [finding] = judge(persistence_off, server(), UBUNTU, Processes(persistence_daemon=False)).findings
    assert (finding.title, finding.severity) == ("Persistence mode is off on 8 of 8 GPUs", "info")
    assert finding.fix[0].command == "sudo systemctl enable --now nvidia-persistenced"


def test_silent_at_a_desk_with_the_daemon_in_a_container_and_where_it_is_on_or_unknown() -> None:
    assert judge(persistence_off, server(count=1)).findings == ()
    assert judge(persistence_off, server(ecc=False)).findings == ()
    assert judge(persistence_off, server(), Processes(persistence_daemon=True)).findings == ()
    assert judge(persistence_off, server(), DOCKER).findings == ()
    assert judge(persistence_off, server(mode=1)).findings == ()
    assert judge(persistence_off, server(mode=None)).findings == ()
    assert judge(persistence_off, NVML).findings == ()
