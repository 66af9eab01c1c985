"""The verdict on a running process, from facts to the first line."""

from __future__ import annotations

import msgspec
import pytest

from envdoctor.diagnose.api import Finding
from envdoctor.diagnose.running import duration, loaders, on_gpu, pegged
from envdoctor.diagnose.verdict import expected
from envdoctor.examine import judge
from envdoctor.facts import (
    CudaDriver,
    DriverLibraries,
    Fact,
    Problem,
    Process,
    ProcessGpus,
    ProcessLibraries,
    ProcessNodes,
    ProcessRelative,
    Snapshot,
    Source,
)
from envdoctor.report.model import Report
from envdoctor.report.running import line, lines
from envdoctor.report.terminal import first_line, render
from healthy import BUS, CUDA, LIBRARIES, MODULE, NODES, NVML, OUTSIDE, PYTHON, TORCH, UBUNTU, library
from running import (
    BUSY,
    DRIVER,
    NO_TORCH,
    NOTHING_OPEN,
    OPEN,
    PID,
    TORCH_CUDA,
    UNUSED,
    WITH_CUDA,
    gpu,
    gpus,
    loader,
    process,
    thread,
)

MACHINE = (UBUNTU, BUS, MODULE, NODES, LIBRARIES, NVML, CUDA, OUTSIDE, PYTHON, TORCH)


def report(*facts: Fact, problems: dict[str, Problem] | None = None) -> Report:
    """The judgement on these facts of a process on a healthy machine; later facts take the place of earlier ones."""
    found = {fact.fact_name(): fact for fact in (*MACHINE, *facts)}
    source = Source(pid=PID, python="/opt/venv/bin/python")
    return judge(Snapshot(created="2026-01-01T00:00:00Z", source=source, facts=found, problems=problems or {}))


def test_a_job_that_uses_its_gpu_is_well() -> None:
    seen = report(process(), WITH_CUDA, OPEN, BUSY)
    assert (seen.verdict.status, seen.verdict.gpu_usable, seen.verdict.confidence) == ("ok", True, "certain")
    assert first_line(seen) == "OK: process 4711 (python) uses GPU 0 (8.0 GiB), 97 % busy"


def test_one_that_computes_beside_it_is_named() -> None:
    seen = report(process(thread(cpu=4.0)), WITH_CUDA, NOTHING_OPEN, UNUSED)
    assert (seen.verdict.status, seen.verdict.cause, seen.verdict.gpu_usable) == ("broken", "code.not-on-gpu", True)


@pytest.mark.parametrize(
    ("facts", "sentence"),
    [
        (
            (process(thread(cpu=0.0)), WITH_CUDA, OPEN, gpus(gpu(0.0))),
            "holds GPU 0 (8.0 GiB), and neither does anything",
        ),
        ((process(thread(cpu=0.2)), WITH_CUDA, OPEN, gpus(gpu(6.0))), "for 6 % of the time, and waits for the rest"),
        ((process(thread(cpu=0.0)), WITH_CUDA, NOTHING_OPEN, UNUSED), "holds no GPU after 5 min and does nothing"),
        (
            (process(thread(cpu=1.0), age_seconds=12.0), WITH_CUDA, OPEN, gpus(gpu(0.0))),
            "holds GPU 0 (8.0 GiB), 0 % busy; it began 12 s ago: too early to tell",
        ),
        ((process(thread(cpu=0.9), age_seconds=4.0), WITH_CUDA, NOTHING_OPEN, UNUSED), "holds no GPU after 4 s"),
        ((process(), NO_TORCH, NOTHING_OPEN, UNUSED), "is no torch process: none is loaded in it"),
        ((process(ended=True), WITH_CUDA, OPEN, BUSY), "ended while it was looked at"),
        ((process(state="Z"), NO_TORCH, NOTHING_OPEN), "has ended (a zombie)"),
        ((process(), WITH_CUDA, OPEN), "has a GPU open: whether it uses it is unknown"),
        ((process(), WITH_CUDA), "what it has open cannot be seen"),
    ],
)
def test_what_cannot_be_decided_is_said_in_the_first_line(facts: tuple[Fact, ...], sentence: str) -> None:
    seen = report(*facts)
    assert (seen.verdict.status, seen.verdict.cause) == ("unknown", None)
    assert sentence in seen.verdict.summary


def test_another_users_process_says_who_could_look() -> None:
    denied = Problem(kind="denied", detail="no right to see the memory map of process 4711")
    seen = report(process(foreign=True), problems={"process_libraries": denied})
    assert (
        seen.verdict.summary == "process 4711 (python) is ada's: it takes that user or root to see what it has loaded"
    )
    ours = report(process(), problems={"process_libraries": denied})
    assert ours.verdict.summary == "process 4711 (python): it takes root (CAP_SYS_PTRACE) to see what it has loaded"


def test_one_that_was_gone_before_says_so() -> None:
    seen = report(problems={"process": Problem(kind="absent", detail="process 4711 has ended")})
    assert (seen.verdict.status, seen.verdict.summary) == ("unknown", "process 4711 has ended")


def test_a_helper_points_at_the_process_that_it_works_for() -> None:
    parent = ProcessRelative(pid=4700, command="/opt/venv/bin/python train.py", torch=True)
    seen = report(process(thread(cpu=1.0), parent=parent), WITH_CUDA, NOTHING_OPEN, UNUSED)
    assert "is a helper of torch process 4700: --pid 4700 examines that" in seen.verdict.summary


def test_a_launcher_points_at_those_that_it_launched() -> None:
    ranks = tuple(ProcessRelative(pid=pid, torch=True, gpu_nodes=6) for pid in (4712, 4713))
    seen = report(process(thread(cpu=0.1), children=ranks), WITH_CUDA, NOTHING_OPEN, UNUSED)
    assert seen.verdict.summary.endswith("itself uses no GPU; what it started does: --pid 4712, 4713 examines that")


def test_another_program_on_the_gpu_is_well_and_nothing_about_torch_is_held_against_it() -> None:
    bare = msgspec.structs.replace(TORCH, present=False, version=None, cuda=None, module_kind=None, location=None)
    jax = ProcessLibraries(libraries=(DRIVER,), python="/usr/bin/python3")
    seen = report(process(), jax, OPEN, BUSY, bare)
    assert (seen.verdict.status, seen.verdict.cause) == ("ok", None)
    assert seen.verdict.summary == "process 4711 (python) is no torch process; it uses GPU 0 (8.0 GiB)"


def test_a_torch_that_was_removed_under_the_process_is_no_broken_one() -> None:
    bare = msgspec.structs.replace(TORCH, present=False, version=None, cuda=None, module_kind=None, location=None)
    old = tuple(msgspec.structs.replace(library, deleted=True, version_now="") for library in WITH_CUDA.libraries[:2])
    seen = report(process(), ProcessLibraries(libraries=(*old, DRIVER)), OPEN, BUSY, bare)
    assert (seen.verdict.status, seen.verdict.cause, seen.verdict.also) == (
        "degraded",
        "cuda.upgraded-under-process",
        (),
    )


def test_a_driver_that_was_upgraded_under_the_process_and_not_loaded_is_one_cause() -> None:
    old = msgspec.structs.replace(DRIVER, deleted=True, version_now="610.10.01")
    mismatch = msgspec.structs.replace(CUDA, init_code=803, device_count=0, devices=())
    newer = DriverLibraries(copies=(library("610.10.01"), library("610.10.01", name="libnvidia-ml.so.1")))
    with_old = ProcessLibraries(libraries=(*WITH_CUDA.libraries[:2], old), torch_cuda="12.4")
    seen = report(process(), with_old, OPEN, BUSY, mismatch, newer)
    assert (seen.verdict.status, seen.verdict.cause, seen.verdict.also) == ("degraded", "driver.version-mismatch", ())
    assert seen.verdict.gpu_usable is True


def test_what_keeps_the_next_process_from_its_gpu_is_a_warning_for_one_that_runs_on_it() -> None:
    snapshot = report(process(), WITH_CUDA, OPEN, BUSY).snapshot
    found = (
        Finding(id="driver.version-mismatch", title="550 is loaded"),
        Finding(id="driver.hung", title="it waits in the driver"),
        Finding(id="gpu.memory-full", title="GPU 0: 200 MiB free"),
    )
    assert [finding.severity for finding in expected(found, snapshot)] == ["warning", "error", "info"]
    far = Finding(id="gpu.ecc-errors", title="GPU 5: 3 uncorrected errors", gpu=5)
    near = msgspec.structs.replace(far, gpu=0)
    assert [finding.severity for finding in expected((far, near), snapshot)] == ["info", "error"]
    unused = report(process(), WITH_CUDA, NOTHING_OPEN, UNUSED).snapshot
    assert [finding.severity for finding in expected(found, unused)] == ["error", "error", "info"]


@pytest.mark.parametrize(
    ("libraries", "nodes", "seen", "uses"),
    [
        (WITH_CUDA, OPEN, BUSY, True),
        (WITH_CUDA, NOTHING_OPEN, None, False),
        (WITH_CUDA, NOTHING_OPEN, BUSY, False),  # the number that NVML lists is a process's of the host
        (WITH_CUDA, None, None, None),
        (WITH_CUDA, None, BUSY, True),
        (WITH_CUDA, OPEN, UNUSED, False),  # NVML's list is whole: a monitor has the node open
        (WITH_CUDA, OPEN, gpus(gpu(listed=False), reliable=False), None),  # a container: nobody can tell
        (
            WITH_CUDA,
            OPEN,
            gpus(gpu(listed=False, used_bytes=2 << 20), reliable=False),
            False,
        ),  # nobody's context is there
        (WITH_CUDA, ProcessNodes(open={"/dev/nvidiactl": 2, "/dev/nvidia-uvm": 1}), None, False),
        (
            msgspec.structs.replace(WITH_CUDA, mapped_nodes=("/dev/nvidia0", "/dev/nvidiactl")),
            OPEN,
            gpus(gpu(listed=False), reliable=False),
            True,
        ),
    ],
)
def test_who_uses_a_gpu(
    libraries: ProcessLibraries, nodes: ProcessNodes | None, seen: ProcessGpus | None, uses: bool | None
) -> None:
    assert on_gpu(libraries, nodes, seen) is uses


def test_one_pegged_thread_is_issuing_and_several_are_computing() -> None:
    assert pegged(process(thread(cpu=0.95))) is not None
    assert pegged(process(thread(cpu=0.95), thread(4712, cpu=0.95))) is None
    assert pegged(process(thread(cpu=0.5))) is None
    assert pegged(process(thread(cpu=0.5, wanted=0.97))) is not None


def test_loaders_are_told_from_other_children() -> None:
    tracker = ProcessRelative(pid=5, command="python -c from multiprocessing.resource_tracker import main", gpu_nodes=0)
    shell = ProcessRelative(pid=6, command="sh -c nvidia-smi", torch=False, gpu_nodes=0)
    assert loaders(process(children=(tracker, shell, loader(7))), BUSY) == (loader(7),)


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.2, "4 s"), (119, "119 s"), (121, "2 min"), (7200, "2 h"), (200000, "2 days")]
)
def test_how_long_reads_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_report_tells_of_the_process() -> None:
    seen = report(process(children=(loader(4712),)), WITH_CUDA, OPEN, BUSY)
    text = render(seen, width=100)
    assert "The process\n  4711 /opt/venv/bin/python train.py\n  of ada, started 5 min ago, sleeping\n" in text
    assert "device nodes: /dev/nvidia-uvm (2), /dev/nvidia0 (6), /dev/nvidiactl (3)" in text
    assert "GPU 0: 8.0 GiB, 97 % busy in all, 420 of 450 W" in text
    assert "torch 2.5.1+cu124 (CUDA 12.4), 4 NVIDIA and torch libraries loaded" in text
    assert "started 1: 0.95 processors (4712 pt_data_worker 0.95)" in text
    assert "libtorch_cuda.so" in "".join(render(seen, width=100, verbose=1).split())


def test_a_look_on_one_line() -> None:
    seen = report(process(), WITH_CUDA, OPEN, BUSY)
    assert line(seen) == (
        "00:00:00 OK: process 4711 (python) uses GPU 0 (8.0 GiB), 97 % busy "
        "[cpu 0.60, gpu 0 8.0 GiB 97 % busy in all 420 of 450 W]"
    )


def test_deleted_libraries_and_names_that_would_act_on_a_terminal() -> None:
    evil = process(command="python \x1b[2Jtrain.py")
    old = msgspec.structs.replace(TORCH_CUDA, deleted=True)
    seen = report(evil, ProcessLibraries(libraries=(old,), torch_cuda=""), OPEN, BUSY)
    assert "1 of them deleted or replaced on disk" in list(lines(seen.snapshot))
    assert "\x1b" not in render(seen)


def test_without_a_process_there_is_no_such_section() -> None:
    assert not list(lines(Snapshot(created="", source=Source(), facts={"cuda_driver": CudaDriver()})))


def test_a_process_that_cannot_be_decided_is_not_called_broken_by_its_machine() -> None:
    broken = msgspec.structs.replace(CUDA, init_code=100, device_count=0, devices=())
    seen = report(process(), NO_TORCH, NOTHING_OPEN, UNUSED, broken)
    assert seen.verdict.status == "unknown"
    assert not [finding for finding in seen.findings if finding.severity != "info"]


def test_the_snapshot_says_which_process() -> None:
    assert isinstance(report(process(), WITH_CUDA).snapshot.get(Process), Process)
