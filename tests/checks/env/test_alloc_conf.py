from __future__ import annotations

import pytest

from envdoctor.diagnose.testing import judge
from envdoctor.facts import CudaDriver, Environment
from envdoctor_checks.env.alloc_conf import alloc_conf


def setting(value: str, name: str = "PYTORCH_CUDA_ALLOC_CONF") -> Environment:
    return Environment(variables={name: value})


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("max_split_size_mb", "'max_split_size_mb' is no key:value pair"),
        ("max_split_size_mb:lots", "'lots' is no value for max_split_size_mb"),
        ("max_split_size_mb:10", "max_split_size_mb must be more than 20"),
        ("expandable_segments:yes", "'yes' is no value for expandable_segments"),
        ("garbage_collection_threshold:80", "'80' is no value for garbage_collection_threshold"),
        ("backend:malloc", "'malloc' is no value for backend"),
    ],
)
def test_fires_on_what_torch_refuses(value: str, problem: str) -> None:
    [finding] = judge(alloc_conf, setting(value)).findings
    assert finding.title == f"PYTORCH_CUDA_ALLOC_CONF: {problem}"
    assert finding.severity == "error"


def test_fires_on_a_backend_that_the_driver_lacks() -> None:
    old = CudaDriver(driver_version=11020)
    [finding] = judge(alloc_conf, setting("backend:cudaMallocAsync", "PYTORCH_ALLOC_CONF"), old).findings
    assert finding.title.endswith("cudaMallocAsync needs CUDA 11.4; the driver runs 11.2")


def test_warns_where_caching_is_off() -> None:
    [finding] = judge(alloc_conf, setting("1", "PYTORCH_NO_CUDA_MEMORY_CACHING")).findings
    assert finding.severity == "warning"


@pytest.mark.parametrize(
    "value",
    [
        "expandable_segments:True",
        "max_split_size_mb:512,garbage_collection_threshold:0.8",
        "roundup_power2_divisions:[256:1,512:2,>:4],max_split_size_mb:128",
        "backend:cudaMallocAsync",
        "a_key_of_tomorrow:3",
        "",
    ],
)
def test_silent_on_what_torch_takes(value: str) -> None:
    assert judge(alloc_conf, setting(value)).findings == ()


def test_silent_where_nothing_is_set() -> None:
    assert judge(alloc_conf, Environment()).findings == ()
