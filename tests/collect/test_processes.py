from __future__ import annotations

from pathlib import Path

from envdoctor.collect.host import LiveHost
from envdoctor.collect.processes import processes
from recorded import RecordedHost


def process(pid: int, name: str, state: str = "S", **files: str) -> dict[str, str | bytes | None]:
    return {f"/proc/{pid}/stat": f"{pid} ({name}) {state} 1 1\n", **{f"/proc/{pid}/{k}": v for k, v in files.items()}}


def test_daemons_by_the_fifteen_letters_of_their_names(tmp_path: Path) -> None:
    found = processes(RecordedHost(tmp_path, {**process(7, "nv-fabricmanage"), **process(8, "nvidia-persiste")}))
    assert (found.fabric_manager, found.persistence_daemon) == (True, True)


def test_none_of_them(tmp_path: Path) -> None:
    found = processes(RecordedHost(tmp_path, {**process(1, "systemd"), "/proc/meminfo": ""}))
    assert (found.fabric_manager, found.persistence_daemon, found.jupyter, found.stuck) == (False, False, (), ())


def test_a_process_stuck_in_the_driver_and_one_on_a_disk(tmp_path: Path) -> None:
    files = {**process(7, "python", "D", wchan="nv_alloc_pages"), **process(8, "dd", "D", wchan="io_schedule")}
    [stuck] = processes(RecordedHost(tmp_path, files)).stuck
    assert (stuck.pid, stuck.name, stuck.wait_channel) == (7, "python", "nv_alloc_pages")


def test_a_jupyter_server_by_its_command_line(tmp_path: Path) -> None:
    files = process(
        7, "jupyter-lab", cmdline="python\0/usr/bin/jupyter-lab\0--ip=0.0.0.0\0", status="Uid:\t0\t0\t0\t0\n"
    )
    [server] = processes(RecordedHost(tmp_path, files)).jupyter
    assert (server.pid, server.uid, server.address) == (7, 0, None)
    assert "--ip=0.0.0.0" in (server.command or "")


def test_names_with_brackets_and_processes_that_ended(tmp_path: Path) -> None:
    files = {**process(7, "a) D (b", "S"), "/proc/8/stat": "", "/proc/9": None}
    assert processes(RecordedHost(tmp_path, files)).stuck == ()


def test_this_machine() -> None:
    assert processes(LiveHost()).fabric_manager is False
