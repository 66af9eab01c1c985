from __future__ import annotations

import pytest

from envdoctor.diagnose.compatibility import clash, driver_runs
from envdoctor.facts import CudaDriver, DriverLibraries, DriverLibrary, KernelModule, NvidiaSmi, Nvml

MODULE = KernelModule(version="535.54.03")


def test_the_driver_itself_is_asked_before_the_table() -> None:
    found = driver_runs(CudaDriver(driver_version=12020), Nvml(cuda_driver_version=13000), MODULE, None, None)
    assert found is not None
    assert (found[0], found[1].source) == (12020, "cuDriverGetVersion")
    found = driver_runs(None, None, MODULE, NvidiaSmi(cuda_version="12.2"), None)
    assert found is not None
    assert found[0] == 12020
    found = driver_runs(None, None, MODULE, None, None)
    assert found is not None
    assert found[0] == 12020


def test_unknown_where_nobody_answers() -> None:
    assert driver_runs(None, None, None, None, None) is None
    assert driver_runs(None, None, KernelModule(version="no number"), None, None) is None
    path = "/usr/local/cuda/compat/libcuda.so.1"
    compat = DriverLibrary(
        name="libcuda.so.1", path=path, real_path=path, kind="compat", found_by="LD_LIBRARY_PATH", wins=True
    )
    assert driver_runs(None, Nvml(cuda_driver_version=12020), MODULE, None, DriverLibraries(copies=(compat,))) is None


@pytest.mark.parametrize(
    ("number", "version", "cuda", "says"),
    [
        (11040, "470.82.01", "12.4", "Driver 470.82.01 runs CUDA 11.4 at most; torch X needs CUDA 12.4"),
        (11040, None, "12.4", "The driver runs CUDA 11.4 at most; torch X needs CUDA 12.4"),
        (10010, "418.40", "10.2", "Driver 418.40 runs CUDA 10.1 at most; torch X needs CUDA 10.2"),
        (11000, "450.51.06", "11.8", "Driver 450.51.06 is below 450.80.02, the lowest that runs CUDA 11.8 (torch X)"),
        (11000, "450.51.06", "11.0", None),
        (11000, "450.80.02", "11.8", None),
        (12000, "525.60.13", "12.8", None),
        (13000, "580.65.06", "13.2", None),
        (13000, "580.65.06", "12.4", None),
        (12020, "not a number", "12.8", None),
    ],
)
def test_clashes(number: int, version: str | None, cuda: str, says: str | None) -> None:
    assert clash(number, version, cuda, "torch X", linux=True) == says


def test_windows_numbers_are_not_held_against_linux_minima() -> None:
    assert clash(11010, "452.39", "11.8", "torch X", linux=True) is None
    assert clash(11000, "451.82", "11.8", "torch X", linux=False) is None
