from __future__ import annotations

import pytest

from envdoctor.facts import BUILTIN_FACTS, Interpreter, Nvml, NvmlGpu, Problem, Snapshot, Source
from envdoctor.facts.codec import BadSnapshot, decode_snapshot, encode_snapshot


def test_a_snapshot_survives_the_round_trip() -> None:
    facts = (Nvml(init_code=0, gpus=(NvmlGpu(index=0, name="NVIDIA T4"),)), Interpreter(path="/usr/bin/python3"))
    snapshot = Snapshot(
        created="2026-01-01T00:00:00Z",
        source=Source(kind="live"),
        facts={fact.fact_name(): fact for fact in facts},
        problems={"cuda_driver": Problem(kind="timeout", detail="cuInit did not answer", stage="init")},
    )
    assert decode_snapshot(encode_snapshot(snapshot)) == snapshot


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"[]", b"{}", b'{"schema": "envdoctor.snapshot/9", "created": "", "source": {}, "facts": {}}'],
)
def test_what_is_no_snapshot_is_refused(data: bytes) -> None:
    with pytest.raises(BadSnapshot):
        decode_snapshot(data)


def test_a_fact_of_the_wrong_type_is_refused() -> None:
    data = b'{"schema": "envdoctor.snapshot/1", "created": "", "source": {}, "facts": {"nvml": {"init_code": "x"}}}'
    with pytest.raises(BadSnapshot, match="init_code"):
        decode_snapshot(data)


def test_fact_names_are_unique() -> None:
    names = [kind.fact_name() for kind in BUILTIN_FACTS]
    assert len(names) == len(set(names))


def test_a_field_says_where_it_was_read() -> None:
    nvml = Nvml(init_code=18, sources={"init_code": "nvmlInit_v2"})
    assert (nvml.says("init_code").source, nvml.says("init_code").value) == ("nvmlInit_v2", "18")
    assert nvml.says("driver_version").value == "unknown"
    assert nvml.source("driver_version") == "NVML"
