"""The libraries that a CUDA build of torch loads: how their files are called, and which wheels ship them.

Sources: the wheels that torch 1.13 – 2.15 pins (Requires-Dist) and the files in them; from CUDA 13 on the names lost their ``-cu13``
and ``cuda-toolkit`` pins them.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class LibraryRow(NamedTuple):
    """One family of files."""

    family: str
    wheel: str
    """The distribution without its CUDA suffix; empty: torch itself, or the driver."""
    suffixed: bool = False
    """Whether the wheel keeps a ``-cu13`` suffix with CUDA 13 too (those that are versioned apart from the toolkit)."""


LIBRARIES: tuple[LibraryRow, ...] = (
    LibraryRow("cudart", "nvidia-cuda-runtime"),
    LibraryRow("cublas", "nvidia-cublas"),
    LibraryRow("cublasLt", "nvidia-cublas"),
    LibraryRow("nvblas", "nvidia-cublas"),
    LibraryRow("cudnn", "nvidia-cudnn", suffixed=True),
    LibraryRow("nccl", "nvidia-nccl", suffixed=True),
    LibraryRow("cusparse", "nvidia-cusparse"),
    LibraryRow("cusparseLt", "nvidia-cusparselt", suffixed=True),
    LibraryRow("cusolver", "nvidia-cusolver"),
    LibraryRow("cusolverMg", "nvidia-cusolver"),
    LibraryRow("cufft", "nvidia-cufft"),
    LibraryRow("cufftw", "nvidia-cufft"),
    LibraryRow("curand", "nvidia-curand"),
    LibraryRow("nvrtc", "nvidia-cuda-nvrtc"),
    LibraryRow("nvrtc-builtins", "nvidia-cuda-nvrtc"),
    LibraryRow("nvJitLink", "nvidia-nvjitlink"),
    LibraryRow("cupti", "nvidia-cuda-cupti"),
    LibraryRow("cufile", "nvidia-cufile"),
    LibraryRow("nvshmem_host", "nvidia-nvshmem", suffixed=True),
    LibraryRow("nvToolsExt", "nvidia-nvtx"),
)

_FILE = re.compile(r"lib(?P<family>[A-Za-z0-9_+-]+?)(?:-[0-9a-f]{8,})?\.so(?:\.|$)")


def family_of(file: str) -> str | None:
    """``cudart`` for ``/x/libcudart.so.12``; None: the name is no library's."""
    match = _FILE.match(file.rpartition("/")[2])
    return match["family"] if match else None


def row_of(file: str) -> LibraryRow | None:
    """The row that a file belongs to (cuDNN's parts to cuDNN's)."""
    family = family_of(file)
    if family is None:
        return None
    family = "cudnn" if family.startswith("cudnn") else family
    return next((row for row in LIBRARIES if row.family == family), None)


def wheels_of(file: str, cuda_major: int) -> tuple[str, ...]:
    """The distributions that may ship a file for that CUDA major, the likelier first."""
    row = row_of(file)
    if row is None:
        return ()
    suffixed = f"{row.wheel}-cu{cuda_major}"
    return (suffixed, row.wheel) if cuda_major < 13 or row.suffixed else (row.wheel, suffixed)
