"""Library families and the wheels that ship them."""

from __future__ import annotations

import pytest

from envdoctor.knowledge.libraries import LIBRARIES, family_of, providers


@pytest.mark.parametrize(
    ("filename", "family", "wheel"),
    [
        ("libcudart.so.12", "cudart", "nvidia-cuda-runtime-cu12"),
        ("libcudart.so.11.0", "cudart", "nvidia-cuda-runtime-cu11"),
        ("/x/torch/lib/libcudart-d0da41ae.so.11.0", "cudart", "nvidia-cuda-runtime-cu11"),
        ("libcudart.so.13.2.75", "cudart", "nvidia-cuda-runtime"),
        ("libcudnn.so.9", "cudnn", "nvidia-cudnn-cu13"),
        ("/usr/lib/libcudnn_graph.so.9.1.0", "cudnn_graph", "nvidia-cudnn-cu13"),
        ("libcublasLt.so.12", "cublasLt", "nvidia-cublas-cu12"),
        ("libnvJitLink.so.12", "nvjitlink", "nvidia-nvjitlink-cu12"),
        ("libnvrtc-builtins.so.12.4", "nvrtc-builtins", "nvidia-cuda-nvrtc-cu12"),
        ("libcusparseLt-f80c68d1.so.0", "cusparseLt", "nvidia-cusparselt-cu13"),
        ("libtorch_cuda.so", "torch_cuda", "torch"),
        ("libcuda.so.1", "cuda", None),
        ("libcuda.so.550.54.15", "cuda", None),
        ("libnvidia-ml.so.1", "nvidia-ml", None),
        ("libnvidia-gpucomp.so.550.54.15", "nvidia-driver", None),
        ("libc.so.6", None, None),
        ("libcudart.so.99", "cudart", None),
        ("cudart.dll", None, None),
    ],
)
def test_family_and_first_provider(filename: str, family: str | None, wheel: str | None) -> None:
    assert family_of(filename) == family
    found = providers(filename)
    assert (found[0] if found else None) == wheel


def test_patterns_take_their_own_family_only() -> None:
    import re

    for row in LIBRARIES:
        plain = [other.family for other in LIBRARIES if re.fullmatch(other.pattern, row.family)]
        assert plain in ([row.family], [], [row.family, "nvidia-driver"]), row.family
