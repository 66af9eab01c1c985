"""Environment variables."""

from __future__ import annotations

import pytest

from envdoctor.knowledge.variables import VARIABLES, is_harmful, matters


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("CUDA_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES"),
        ("CUDA_SOMETHING_NEW", "CUDA_*"),
        ("CUDA_MPS_LOG_DIRECTORY", "CUDA_MPS_*"),
        ("NVIDIA_REQUIRE_CUDA", "NVIDIA_REQUIRE_*"),
        ("LD_LIBRARY_PATH", "LD_LIBRARY_PATH"),
        ("EDITOR", None),
        ("", None),
    ],
)
def test_matters(name: str, row: str | None) -> None:
    found = matters(name)
    assert (found.name if found else None) == row


@pytest.mark.parametrize(
    ("name", "value", "harmful"),
    [
        ("CUDA_LAUNCH_BLOCKING", "1", True),
        ("CUDA_LAUNCH_BLOCKING", "0", False),
        ("CUDA_VISIBLE_DEVICES", "", True),
        ("CUDA_VISIBLE_DEVICES", "-1", True),
        ("CUDA_VISIBLE_DEVICES", "0,1", False),
        ("CUDA_DEVICE_MAX_CONNECTIONS", "1", False),  # what tensor parallelism asks for
        ("PYTORCH_NO_CUDA_MEMORY_CACHING", "0", True),  # any value counts
        ("TORCH_DISTRIBUTED_DEBUG", "DETAIL", True),
        ("EDITOR", "1", False),
    ],
)
def test_is_harmful(name: str, value: str, harmful: bool) -> None:
    assert is_harmful(name, value) is harmful


def test_harmful_values_have_an_effect_and_stand_in_lower_case() -> None:
    for row in VARIABLES:
        assert bool(row.harmful) == bool(row.effect), row.name
        assert all(value == value.lower() for value in row.harmful)


def test_what_other_programs_call_so_is_left_alone() -> None:
    """Terraform's variables begin with TF_ too, and some of them are secrets."""
    assert matters("TF_VAR_password") is None
    assert matters("TF_GPU_ALLOCATOR") is not None
