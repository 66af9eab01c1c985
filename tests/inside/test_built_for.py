from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import envdoctor.inside.built_for

built_for: Callable[..., dict[str, str]] = envdoctor.inside.built_for.built_for


def write(folder: Path, path: str, text: str) -> str:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text)
    return str(folder)


@pytest.mark.parametrize(
    ("name", "version", "torch", "cuda"),
    [
        ("torchvision", "0.20.1+cu124", None, "12.4"),
        ("torchvision", "0.28.0+cpu", None, "cpu"),
        ("torchaudio", "2.0.2+cu118", None, "11.8"),
        ("flash-attn", "2.7.4.post1+cu12torch2.5cxx11abifalse", "2.5", "12"),
        ("torch-scatter", "2.1.2+pt25cu124", "2.5", "12.4"),
        ("torch-sparse", "0.6.18+pt113cu117", "1.13", "11.7"),
        ("cupy-cuda12x", "13.3.0", None, "12"),
        ("transformer-engine-cu12", "1.13", None, "12"),
        ("jax-cuda12-plugin", "0.4.35", None, "12"),
        ("nvidia-cudnn-cu12", "9.1.0.70", None, None),
        ("bitsandbytes", "0.45.0", None, None),
        ("torchao", "0.7.0+git12ab", None, None),
    ],
)
def test_what_name_and_version_tell(name: str, version: str, torch: str | None, cuda: str | None) -> None:
    found = built_for(name, version, "/nowhere", (), "")
    assert (found.get("built_for_torch"), found.get("built_for_cuda")) == (torch, cuda)


def test_the_address_keeps_what_the_metadata_drops() -> None:
    address = '{"url": "https://x/flash_attn-2.7.4.post1%2Bcu12torch2.5cxx11abiFALSE-cp311-cp311-linux_x86_64.whl"}'
    assert built_for("flash-attn", "2.7.4.post1", "/x", (), address) == {
        "built_for_torch": "2.5",
        "built_for_cuda": "12",
    }


@pytest.mark.parametrize(
    ("requirement", "torch"),
    [
        ("torch (==2.5.1)", "2.5.1"),
        ("torch==2.5.1", "2.5.1"),
        ("torch>=2.0", None),
        ("torch", None),
        ("torch==2.*", None),
        ("torchvision==0.20.1", None),
    ],
)
def test_an_exact_requirement_tells_the_torch(requirement: str, torch: str | None) -> None:
    assert built_for("vllm", "0.6.4", "/x", (requirement,), "").get("built_for_torch") == torch


@pytest.mark.parametrize(
    ("name", "path", "text", "torch", "cuda"),
    [
        (
            "torchvision",
            "torchvision/version.py",
            "__version__ = '0.20.1+cu124'\ngit_version = '3ac97'\n",
            None,
            "12.4",
        ),
        ("torchaudio", "torchaudio/version.py", '__version__ = "2.5.1+cpu"\n', None, "cpu"),
        (
            "xformers",
            "xformers/cpp_lib.json",
            '{"version": {"cuda": 1201, "hip": null, "torch": "2.5.1+cu121", "python": "3.11.10"}}',
            "2.5.1",
            "12.1",
        ),
        (
            "deepspeed",
            "deepspeed/git_version_info_installed.py",
            "version='0.15.4'\ntorch_info={'version': '2.5', 'bf16_support': True, 'cuda_version': '12.4'}\n",
            "2.5",
            "12.4",
        ),
        (
            "onnxruntime-gpu",
            "onnxruntime/capi/build_and_package_info.py",
            "package_name = 'onnxruntime-gpu'\n__version__ = '1.20.1'\ncuda_version = '12.4'\n",
            None,
            "12.4",
        ),
        (
            "tensorflow",
            "tensorflow/python/platform/build_info.py",
            'build_info = collections.OrderedDict([("cpu_compiler", "c"), ("cuda_version", "12.5.1"), ("is_cuda_build", True)])',
            None,
            "12.5",
        ),
        ("paddlepaddle-gpu", "paddle/version/__init__.py", "cuda_version      = '12.3'\n", None, "12.3"),
        ("paddlepaddle", "paddle/version/__init__.py", "cuda_version = 'False'\n", None, None),
    ],
)
def test_what_a_file_of_its_own_tells(
    tmp_path: Path, name: str, path: str, text: str, torch: str | None, cuda: str | None
) -> None:
    found = built_for(name, "1.0", write(tmp_path, path, text), (), "")
    assert (found.get("built_for_torch"), found.get("built_for_cuda")) == (torch, cuda)


def test_llama_cpp_without_a_cuda_library(tmp_path: Path) -> None:
    folder = write(tmp_path, "llama_cpp/lib/libggml-cpu.so", "")
    assert built_for("llama-cpp-python", "0.3.2", folder, (), "") == {"built_for_cuda": "cpu"}
    write(tmp_path, "llama_cpp/lib/libggml-cuda.so", "")
    assert built_for("llama-cpp-python", "0.3.2", folder, (), "") == {}


def test_bad_bytes_tell_nothing(tmp_path: Path) -> None:
    folder = write(tmp_path, "xformers/cpp_lib.json", "")
    (tmp_path / "xformers" / "cpp_lib.json").write_bytes(bytes(range(256)) * 10)
    assert built_for("xformers", "0.0.28", folder, (), "") == {}
