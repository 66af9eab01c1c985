"""torch imported in the examined interpreter, in stages."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from envdoctor.collect.api import collector
from envdoctor.collect.host import ChildResult, Host
from envdoctor.collect.interpreter import choose_interpreter
from envdoctor.collect.said import died, how_it_ended
from envdoctor.facts import MappedFile, MappedFiles, Stage, TorchRuntime

FIELDS = frozenset(TorchRuntime.__struct_fields__)


@collector(quick=False, first=True, when="not with --pid")
def torch_runtime(host: Host) -> tuple[TorchRuntime, MappedFiles]:
    """torch imported and touched in a child; one that hangs or dies still tells its stages and what it had loaded."""
    python, _ = choose_interpreter(host)
    return read_runtime(host.child("torch_stages.py", python=python))


def read_runtime(result: ChildResult) -> tuple[TorchRuntime, MappedFiles]:
    """The child's words as facts. Raises CannotLook where it did not even begin."""
    if not any(line["event"] == "enter" for line in result.stages):
        raise died(result, {}, "the child that imports torch")
    stages: list[Stage] = []
    found: dict[str, Any] = {}
    warnings: list[str] = []
    files: tuple[MappedFile, ...] = ()
    for line in result.stages:
        if line["event"] == "fact" and line["stage"] == "cuda-init":
            found.update(cuda_available=line.get("available"), device_count=line.get("count"))
        if line["event"] == "fact" and line["stage"] == "import":
            files = msgspec.convert(line["libraries"], tuple[MappedFile, ...])
        if line["event"] != "leave":
            continue
        stages.append(msgspec.convert({"name": line["stage"], **line["how"]}, Stage))
        warnings += line.get("warnings", ())
        said = line.get("found", {})
        files = msgspec.convert(said["libraries"], tuple[MappedFile, ...]) if "libraries" in said else files
        found.update({key: value for key, value in said.items() if key in FIELDS})
    stages += _last_stage(result)
    runtime: TorchRuntime = msgspec.convert(
        {**found, "warnings": warnings, "stderr": result.stderr[-4096:] or None}, TorchRuntime, strict=False
    )
    complete = any(stage.name == "libraries" and stage.status == "ok" for stage in stages)
    return msgspec.structs.replace(runtime, stages=tuple(stages)), MappedFiles(files=files, complete=complete)


def _last_stage(result: ChildResult) -> list[Stage]:
    """The stage that did not come back, where there is one; ``end`` where the process died between two."""
    if result.stage is None and result.outcome == "exited" and result.exit_code == 0:
        return []
    kind, how = how_it_ended(result)
    status: Literal["hung", "crashed"] = "hung" if kind == "timeout" else "crashed"
    name = result.stage or "end"
    error = f"{_WHAT.get(name, name)} {how}"
    return [Stage(name=name, status=status, error=error, signal=result.signal, frame=result.frame)]


_WHAT = {
    "import": "import torch",
    "cudnn-parts": "cuDNN, loading its parts,",
    "cuda-init": "torch.cuda.is_available()",
    "matmul": "a small matrix product",
    "end": "the process that imported torch",
}
