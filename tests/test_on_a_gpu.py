"""On a machine with a GPU of its own (``make test ARGS="-m gpu"``): well as it is, and told apart when it is hobbled without touching a setting."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU"),
]

ON_THE_PROCESSOR = """
import builtins, sys

plain = builtins.__import__

def hook(name, *arguments, **more):
    module = plain(name, *arguments, **more)
    functional = sys.modules.get("torch.nn.functional")
    if functional is not None and "torch.nn.modules.pooling" in sys.modules and not hasattr(functional, "moved"):
        functional.moved = functional.max_pool2d
        functional.max_pool2d = lambda x, *a, **k: functional.moved(x.cpu(), *a, **k).to(x.device)
    return module

builtins.__import__ = hook
"""
"""A sitecustomize that moves one layer of the training step to the processor."""

TRAIN = """
import torch
x = torch.randn(4096, 4096, device="cuda")
while True:
    for _ in range(20):
        y = x @ x
    torch.cuda.synchronize()
"""


def check(*options: str, **environ: str) -> dict[str, Any]:
    """The report of ``envdoctor check --json``."""
    command = [sys.executable, "-m", "envdoctor", "check", "--json", *options]
    result = subprocess.run(command, env={**os.environ, **environ}, capture_output=True, text=True, check=False)
    report: dict[str, Any] = json.loads(result.stdout)
    return report


@contextmanager
def running(program: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program that has had the time to come to its work."""
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        time.sleep(20)
        yield process
        process.kill()


def test_it_is_well_and_everything_was_tried() -> None:
    report = check()
    assert (report["verdict"]["status"], report["verdict"]["cause"]) == ("ok", None)
    for device in report["facts"]["work"]["devices"]:
        states = {kernel["name"]: kernel["status"] for kernel in device["kernels"]}
        assert {name for name, status in states.items() if status != "ok"} <= {
            f"matmul:{t}" for t in ("bf16", "tf32", "fp8")
        }
        assert device["seconds"] < 1.25 * 8


def test_a_layer_on_the_processor(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(ON_THE_PROCESSOR)
    report = check(PYTHONPATH=str(tmp_path))
    assert report["verdict"]["cause"] == "compute.cpu-fallback"
    assert "max_pool2d" in report["verdict"]["summary"]


def test_a_debugging_variable() -> None:
    assert check(CUDA_LAUNCH_BLOCKING="1")["verdict"]["cause"] == "env.launch-blocking"


def test_one_processor() -> None:
    command = ["taskset", "-c", "0", sys.executable, "-m", "envdoctor", "check", "--json"]
    report = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    assert report["verdict"]["cause"] == "host.cpu-quota"


def test_another_program_on_the_card_and_that_program_itself() -> None:
    with running(TRAIN) as process:
        seen = check("--pid", str(process.pid))
        assert (seen["verdict"]["status"], seen["verdict"]["gpu_usable"]) == ("ok", True)
        assert check()["verdict"]["cause"] == "gpu.busy"


def test_a_program_that_does_not_use_it() -> None:
    with running(TRAIN.replace(', device="cuda"', "").replace("torch.cuda.synchronize()", "pass")) as process:
        assert check("--pid", str(process.pid))["verdict"]["cause"] == "code.not-on-gpu"
