"""Binary and PTX compatibility, as the CUDA programming guide has it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envdoctor.knowledge.archs import runs_on


@pytest.mark.parametrize(
    ("arch_list", "cc", "how"),
    [
        (["sm_86"], "8.9", "binary"),
        (["sm_80"], "8.6", "binary"),
        (["sm_86"], "8.0", None),
        (["sm_89"], "8.6", None),
        (["sm_80", "sm_90"], "10.0", None),
        (["sm_90"], "9.0", "binary"),
        (["sm_120"], "12.1", "binary"),
        (["sm_100"], "12.0", None),
        (["sm_90a"], "9.0", "binary"),
        (["sm_100a"], "10.3", None),
        (["sm_100f"], "10.3", "binary"),
        (["sm_100f"], "12.0", None),
        (["sm_80"], "8.7", None),  # Orin takes only its own
        (["sm_87"], "8.9", None),
        (["sm_87"], "8.7", "binary"),
        (["compute_87"], "8.9", "ptx"),
        (["sm_101"], "11.0", "binary"),  # Thor was renamed
        (["sm_110"], "10.1", "binary"),
        (["compute_90"], "12.0", "ptx"),
        (["compute_90"], "8.9", None),
        (["compute_90a"], "9.0", "ptx"),
        (["compute_90a"], "10.0", None),
        (["compute_70", "sm_80"], "8.0", "binary"),
        (["gfx90a"], "9.0", None),
        ([], "8.0", None),
    ],
)
def test_runs_on(arch_list: list[str], cc: str, how: str | None) -> None:
    assert runs_on(arch_list, cc) == how


CAPABILITIES = st.sampled_from(["5.0", "5.2", "6.0", "6.1", "7.0", "7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "12.0"])


@given(st.lists(CAPABILITIES), CAPABILITIES)
def test_more_code_never_takes_a_gpu_away(built: list[str], device: str) -> None:
    own = f"sm_{device.replace('.', '')}"
    assert runs_on([*(f"sm_{cc.replace('.', '')}" for cc in built), own], device) == "binary"
