"""Reading what pip says of a package index."""

from __future__ import annotations

import json

import pytest

from envdoctor.knowledge.package_index import cuda_in, glibc_of, parse_report, parse_versions, pins_in, version_pinned

REQUIRES = (
    "filelock",
    "setuptools<82; python_version >= '3.12'",
    'nvidia-cuda-runtime-cu12==12.8.90; platform_system == "Linux" and platform_machine == "x86_64"',
    'nvidia_cudnn_cu12==9.10.2.21; platform_system == "Linux" and platform_machine == "x86_64"',
    'triton==3.5.1; platform_system == "Linux"',
    'cuda-toolkit[nvrtc,cublas]==13.2.2; platform_system == "Windows"',
    'opt-einsum>=3.3; extra == "opt-einsum"',
)


def test_versions_are_sorted_and_local_builds_and_prereleases_left_out() -> None:
    text = "torch (2.15.0)\nAvailable versions: 2.15.0, 2.9.1, 2.13.0+cpu, 2.16.0rc1, 2.13.0\n  INSTALLED: 2.13.0+cpu\n"
    assert parse_versions(text) == ("2.9.1", "2.13.0", "2.15.0")
    assert parse_versions("") == ()


def test_pins_are_those_whose_markers_hold() -> None:
    assert pins_in(REQUIRES, "x86_64", "3.12") == {
        "nvidia-cuda-runtime-cu12": "==12.8.90",
        "nvidia-cudnn-cu12": "==9.10.2.21",
        "triton": "==3.5.1",
    }
    assert pins_in(REQUIRES, "aarch64", "3.12") == {"triton": "==3.5.1"}


def test_extras_stand_with_the_name_in_order() -> None:
    assert pins_in(["cuda-toolkit[nvrtc,cublas]==13.2.2"], "x86_64", "3.12") == {
        "cuda-toolkit[cublas,nvrtc]": "==13.2.2"
    }


@pytest.mark.parametrize(
    ("pins", "cuda"),
    [
        ({"nvidia-cuda-runtime-cu12": "==12.8.90"}, "12.8"),
        ({"cuda-toolkit[cublas]": "==13.2.2"}, "13.2"),
        ({"cuda-bindings": "<14,>=13.0.3", "cuda-toolkit": "==13.0.3"}, "13.0"),
        ({"triton": "==3.5.1"}, None),
        ({}, None),
    ],
)
def test_cuda_in_pins(pins: dict[str, str], cuda: str | None) -> None:
    assert cuda_in(pins) == cuda


def test_only_an_exact_pin_is_a_version() -> None:
    assert version_pinned({"nvidia-nccl-cu13": ">=2.30"}, "nvidia-nccl") is None
    assert version_pinned({"nvidia-nccl-cu13": "==2.30.7"}, "nvidia-nccl") == "2.30.7"


@pytest.mark.parametrize(
    ("wheel", "glibc"),
    [
        ("torch-2.15.0-cp312-cp312-manylinux_2_28_x86_64.whl", "2.28"),
        ("x-1-cp312-cp312-manylinux2014_x86_64.manylinux_2_17_x86_64.whl", "2.17"),
        ("x-1-cp312-cp312-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl", "2.27"),
    ],
)
def test_glibc_of_a_wheel(wheel: str, glibc: str) -> None:
    assert glibc_of(wheel) == glibc


def test_report() -> None:
    install = {
        "download_info": {"url": "https://index.example/a/torch-2.9.1-cp312-cp312-manylinux_2_28_x86_64.whl"},
        "metadata": {"name": "torch", "version": "2.9.1", "requires_dist": ["filelock"]},
    }
    read = parse_report(json.dumps({"install": [install]}))
    assert read.wheel == "torch-2.9.1-cp312-cp312-manylinux_2_28_x86_64.whl"
    assert read.requires == ("filelock",)
    with pytest.raises(LookupError, match="0 distributions"):
        parse_report('{"install": []}')
