"""Error codes: facts known from the CUDA and NVML headers."""

from __future__ import annotations

import pytest

from envdoctor.knowledge.codes import cuda_code, nvml_code


@pytest.mark.parametrize(
    ("code", "name", "cause"),
    [
        (0, "CUDA_SUCCESS", None),
        (2, "CUDA_ERROR_OUT_OF_MEMORY", "gpu.memory-full"),
        (34, "CUDA_ERROR_STUB_LIBRARY", "cuda.stub-loaded"),
        (100, "CUDA_ERROR_NO_DEVICE", "hardware.no-gpu"),
        (209, "CUDA_ERROR_NO_BINARY_FOR_GPU", "torch.arch-not-supported"),
        (802, "CUDA_ERROR_SYSTEM_NOT_READY", "driver.fabric-manager-down"),
        (804, "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE", "cuda.compat-conflict"),
    ],
)
def test_cuda_code(code: int, name: str, cause: str | None) -> None:
    row = cuda_code(code)
    assert row is not None
    assert (row.name, row.cause) == (name, cause)


def test_803_is_said_of_both_a_compat_package_and_a_mismatched_driver() -> None:
    row = cuda_code(803)
    assert row is not None
    assert {"cuda.compat-conflict", "driver.version-mismatch"} <= {row.cause, *row.also}


def test_a_runtime_only_code_has_the_runtimes_name() -> None:
    row = cuda_code(35)
    assert row is not None
    assert (row.name, row.cause) == ("cudaErrorInsufficientDriver", "cuda.driver-too-old")


@pytest.mark.parametrize(
    ("code", "name", "cause"),
    [
        (0, "NVML_SUCCESS", None),
        (4, "NVML_ERROR_NO_PERMISSION", "driver.device-permission"),
        (9, "NVML_ERROR_DRIVER_NOT_LOADED", "driver.module-not-loaded"),
        (12, "NVML_ERROR_LIBRARY_NOT_FOUND", "driver.not-installed"),
        (14, "NVML_ERROR_CORRUPTED_INFOROM", "gpu.inforom-corrupted"),
        (16, "NVML_ERROR_RESET_REQUIRED", "gpu.reset-required"),
        (15, "NVML_ERROR_GPU_IS_LOST", "driver.gpu-lost"),
        (18, "NVML_ERROR_LIB_RM_VERSION_MISMATCH", "driver.version-mismatch"),
    ],
)
def test_nvml_code(code: int, name: str, cause: str | None) -> None:
    row = nvml_code(code)
    assert row is not None
    assert (row.name, row.cause) == (name, cause)


def test_a_number_that_nobody_uses_has_no_row() -> None:
    assert cuda_code(12345) is None
    assert nvml_code(-1) is None
