"""Running processes, live: each is started on a fake machine, and the installed program examines it from outside."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from envdoctor.report.json import schema
from parts import BARE, PLACE
from sandbox import Machine, possible, run

pytestmark = [pytest.mark.root, pytest.mark.skipif(not possible(), reason="needs root and overlay mounts")]

SCRIPT = Path(__file__).with_name("run_process.py")
LISTED = {"STUB_PROCS": "PID:4096"}
NOBODY = 65534


def examine(builds: Path, kind: str, *options: str, machine: Machine = BARE, **more: Any) -> tuple[dict[str, Any], int]:
    """Start a process of that kind on a healthy machine and examine it: the report, and the exit code."""
    setting = {
        "kind": kind,
        "user": None,
        "examiner": None,
        "stub": {},
        "environ": {},
        "replace": {},
        "options": options,
    } | more
    environ = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "PYTHONPATH": str(builds / "cu124"),
        "ENVDOCTOR_PYTHON": sys.executable,
    }
    command = ["/bin/sh", "-c", 'chmod 755 /root; exec "$0" "$@"', "/usr/bin/python3", str(SCRIPT), json.dumps(setting)]
    result = run(machine, builds / "driver", command, environ)
    assert result.stdout.startswith("{"), result.stderr[-3000:]
    assert "Traceback" not in result.stderr
    report = json.loads(result.stdout)
    jsonschema.Draft202012Validator(schema()).validate(report)
    assert not [check for check in report["checks"] if check["status"] == "crashed"]
    return report, result.returncode


def test_a_process_that_uses_the_gpu_is_well(builds: Path) -> None:
    stub = LISTED | {"STUB_UTIL_GPU": "92", "STUB_UTIL_MEM": "40", "STUB_POWER_MW": "300000"}
    report, code = examine(builds, "uses the GPU", stub=stub)
    verdict, process = report["verdict"], report["facts"]["process"]
    assert (verdict["status"], verdict["gpu_usable"], code) == ("ok", True, 0)
    assert verdict["summary"] == f"process {process['pid']} (python3) uses GPU 0 (4.0 GiB), 92 % busy"
    assert report["source"]["pid"] == process["pid"]
    assert report["source"]["python"] == "/usr/bin/python3"
    assert report["facts"]["process_nodes"]["open"] == {"/dev/nvidia-uvm": 1, "/dev/nvidia0": 1, "/dev/nvidiactl": 1}
    libraries = {library["name"]: library for library in report["facts"]["process_libraries"]["libraries"]}
    assert (libraries["cuda"]["version"], libraries["cuda"]["version_by"]) == ("595.45.04", "file name")
    assert (libraries["cudnn"]["version"], libraries["cudnn"]["version_by"]) == ("9.1.0.70", "wheel")
    assert libraries["cudnn"]["owner"] == "nvidia-cudnn-cu12 9.1.0.70"
    assert libraries["torch_cuda"]["version_by"] == "torch/version.py"


def test_one_that_computes_without_the_gpu(builds: Path) -> None:
    report, _ = examine(builds, "computes")
    assert report["verdict"]["cause"] == "code.not-on-gpu"
    assert report["findings"][0]["title"].endswith("and holds no GPU")


def test_its_own_environment_is_judged_and_not_ours(builds: Path) -> None:
    report, code = examine(builds, "computes", environ={"CUDA_VISIBLE_DEVICES": "7"})
    assert (report["verdict"]["cause"], code) == ("env.visible-devices", 1)
    assert report["facts"]["environment"]["variables"]["CUDA_VISIBLE_DEVICES"] == "7"


def test_one_that_waits_for_its_loaders(builds: Path) -> None:
    report, _ = examine(builds, "has loaders", stub=LISTED | {"STUB_UTIL_GPU": "4"})
    assert (report["verdict"]["status"], report["verdict"]["cause"]) == ("degraded", "code.data-loading")


def test_one_whose_host_cannot_keep_up(builds: Path) -> None:
    report, _ = examine(builds, "issues", stub=LISTED | {"STUB_UTIL_GPU": "20"})
    assert (report["verdict"]["status"], report["verdict"]["cause"]) == ("degraded", "compute.launch-stall")


def test_one_that_waits_in_nccl(builds: Path) -> None:
    stub = LISTED | {"STUB_UTIL_GPU": "100", "STUB_POWER_MW": "110000"}
    report, _ = examine(builds, "uses the GPU", stub=stub, environ={"WORLD_SIZE": "8", "RANK": "3"})
    assert (report["verdict"]["status"], report["verdict"]["cause"]) == ("degraded", "nccl.peer-missing")


def test_one_under_which_the_driver_was_upgraded(builds: Path) -> None:
    folder = f"/usr/lib/{sys.implementation._multiarch}"
    replace = {f"{folder}/libcuda.so.595.45.04": f"{folder}/libcuda.so.610.10.01"}
    report, _ = examine(builds, "uses the GPU", stub=LISTED | {"STUB_UTIL_GPU": "90"}, replace=replace)
    found = {finding["id"]: finding["title"] for finding in report["findings"]}
    assert found["cuda.upgraded-under-process"] == "libcuda.so.595.45.04: loaded, no longer on disk, where 610.10.01 is"


def test_another_users_process_tells_which_right_is_missing(builds: Path) -> None:
    report, code = examine(builds, "computes", examiner=NOBODY)
    verdict, facts = report["verdict"], report["facts"]
    assert (verdict["status"], verdict["cause"], code) == ("unknown", None, 3)
    assert "is root's: it takes that user or root to see what it has loaded" in verdict["summary"]
    assert facts["process"]["command"].startswith("/usr/bin/python3")
    assert facts["process"]["cpu"] > 0
    denied = {probe["name"]: probe["detail"] for probe in report["probes"] if probe["status"] == "denied"}
    assert set(denied) >= {"process_libraries", "process_nodes", "environment", "python_install"}
    assert all("that takes its user (root) or root (CAP_SYS_PTRACE)" in detail for detail in denied.values())


def test_root_runs_nothing_of_another_user_with_its_own_rights(builds: Path) -> None:
    """What the process was started with may be a trap: its PYTHONPATH, its LD_PRELOAD, its interpreter."""
    place = PLACE / "trap"
    place.mkdir(exist_ok=True)
    place.chmod(0o777)
    (place / "sitecustomize.py").write_text("import os, sys; sys.path.append(f'/ran-as-{os.getuid()}')\n")
    path = f"{place}:{builds / 'cu124'}"
    report, _ = examine(builds, "computes", user=NOBODY, environ={"PYTHONPATH": path})
    assert report["verdict"]["cause"] == "code.not-on-gpu"
    assert report["facts"]["torch_install"]["version"] == "2.5.1+cu124"
    assert all(node.get("error") is None for node in report["facts"]["device_nodes"]["nodes"] if node.get("exists"))
    assert [entry for entry in report["facts"]["interpreter"]["sys_path"] if "ran-as" in entry] == [f"/ran-as-{NOBODY}"]


def test_the_nodes_are_opened_with_the_rights_of_the_process(builds: Path) -> None:
    machine = dataclasses.replace(BARE, node_mode=0o600)
    report, code = examine(builds, "computes", user=NOBODY, machine=machine, environ={"STUB_CUINIT": "100"})
    assert (report["verdict"]["cause"], code) == ("driver.device-permission", 1)
