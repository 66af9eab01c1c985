"""Messages that another line of the report, or their own figures, take away."""

from __future__ import annotations

import pytest

from envdoctor.examine import judge
from envdoctor.read.text import read_text

OLD = "CUDA out of memory. Tried to allocate 392.00 MiB (GPU 0; {total} GiB total capacity; 4.61 GiB already allocated; 161.31 MiB free; 4.82 GiB {word} in total by PyTorch)"
NEW = "CUDA out of memory. Tried to allocate 56.00 MiB. GPU 0 has a total capacity of 23.69 GiB of which 31.88 MiB is free.{others} Including non-PyTorch memory, this process has {own} GiB memory in use."
TABLE = "| NVIDIA-SMI 525.105.17   Driver Version: 525.105.17   CUDA Version: 12.0 |\n|   0  Tesla V100-SXM2-32GB  Off  | 00000000:01:00.0 Off |                    0 |\n| N/A   54C    P8    11W /  N/A |    {used}MiB / 32768MiB |      4%      Default |"
NCCL = "DistBackendError: NCCL error in: NCCLUtils.hpp:268, remote process exited or there was a network error, NCCL version 2.20.5"


def cause(text: str) -> str | None:
    return judge(read_text(text, "2026-01-01T00:00:00Z")).verdict.cause


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (OLD.format(total="44.56", word="reserved"), "gpu.memory-full"),
        (OLD.format(total="5.81", word="reserved"), None),
        (OLD.format(total="10.00", word="cached"), None),
        (NEW.format(others=" Process 1712 has 20.61 GiB memory in use.", own="3.03"), "gpu.memory-full"),
        (NEW.format(others="", own="23.60"), None),
        ("RuntimeError: CUDA error: out of memory\n" + TABLE.format(used=31000), "gpu.memory-full"),
        ("RuntimeError: CUDA error: out of memory\n" + TABLE.format(used=3), None),
    ],
)
def test_a_program_that_fills_the_card_by_itself_is_told_from_others_that_hold_it(
    text: str, expected: str | None
) -> None:
    assert cause(text) == expected


def test_what_other_ranks_say_when_one_died_of_its_own_fault() -> None:
    assert cause(NCCL) == "nccl.transport"
    assert cause("[rank0]: KeyError: 'acc_norm'\n[rank2]: " + NCCL) is None


def test_warnings_beside_a_programs_own_fault() -> None:
    warned = "This DataLoader will create 8 worker processes in total. Our suggested max number of worker in current system is 2"
    assert cause(warned) == "code.data-loading"
    assert cause(warned + "\nRuntimeError: mat1 and mat2 shapes cannot be multiplied (64x9216 and 4096x512)") is None


def test_what_came_right_later() -> None:
    waited = "Warning  FailedScheduling  default-scheduler  0/4 nodes are available: 3 Insufficient nvidia.com/gpu."
    assert cause(waited) == "container.gpu-not-passed"
    assert cause(waited + "\nNormal  Scheduled  default-scheduler  Successfully assigned llm/x to gpu-node-02") is None
    differs = "Installed CUDA version 11.1 does not match the version torch was compiled with 11.3"
    assert cause(differs) == "cuda.toolkit-mismatch"
    assert cause(differs + " but since the APIs are compatible, accepting this combination") is None
