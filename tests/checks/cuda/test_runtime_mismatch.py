from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import (
    Interpreter,
    LoadedLibraries,
    LoadedLibrary,
    Message,
    Messages,
    Pin,
    TorchInstall,
    TorchRuntime,
)
from envdoctor_checks.cuda.runtime_mismatch import runtime_mismatch

SITE = "/opt/venv/lib/python3.11/site-packages"
TORCH = TorchRuntime(version="2.15.0+cu132", cuda="13.2")
INSTALL = TorchInstall(
    version="2.15.0+cu132",
    cuda="13.2",
    location=SITE,
    pins=(Pin(name="nvidia-cuda-runtime", specifier="==13.2.86.*", installed="13.2.86", satisfied=True),),
)
OWN = LoadedLibrary(
    name="cudart",
    path=f"{SITE}/nvidia/cu13/lib/libcudart.so.13",
    version="13.2",
    owner="nvidia-cuda-runtime 13.2.86",
    owner_kind="wheel",
    reason="DT_RPATH of libtorch_cuda.so",
    bundled="",
)
TOOLKIT = LoadedLibrary(
    name="cudart",
    path="/usr/local/cuda-13.0/targets/x86_64-linux/lib/libcudart.so.13.0.96",
    version="13.0",
    owner="system",
    owner_kind="system",
    reason="ld.so.cache",
    bundled="",
)


def test_fires_when_the_toolkit_takes_over() -> None:
    [finding] = judge(
        runtime_mismatch, LoadedLibraries(libraries=(TOOLKIT,)), TORCH, INSTALL, Interpreter(path="python3")
    ).findings
    assert (
        finding.title
        == "torch 2.15.0+cu132 is compiled for CUDA 13.2; loaded is libcudart 13.0 of /usr/local/cuda-13.0"
    )
    assert finding.severity == "error"
    assert (
        finding.fix[0].command == "python3 -m pip install --force-reinstall --no-deps 'nvidia-cuda-runtime==13.2.86.*'"
    )


def test_a_newer_one_is_a_warning() -> None:
    newer = LoadedLibrary(
        name="cudart",
        path="/usr/local/cuda-13.4/lib64/libcudart.so.13",
        version="13.4",
        owner_kind="system",
        bundled="",
    )
    [finding] = judge(runtime_mismatch, LoadedLibraries(libraries=(newer,)), TORCH).findings
    assert finding.severity == "warning"


def test_fires_from_a_message_alone() -> None:
    said = Message(key="cudnn-incompatible-cudart", text="CUDNN_STATUS_NOT_SUPPORTED_INCOMPATIBLE_CUDART")
    [finding] = judge(runtime_mismatch, Messages(messages=(said,))).findings
    assert finding.title.startswith("The loaded CUDA runtime is not the one asked for: CUDNN_STATUS_NOT_SUPPORTED")


def test_silent_with_torchs_own() -> None:
    assert judge(runtime_mismatch, LoadedLibraries(libraries=(OWN,)), TORCH).findings == ()
    assert judge(runtime_mismatch, LoadedLibraries(libraries=(OWN, TOOLKIT)), TORCH).findings == ()


def test_silent_for_another_patch_of_the_same_version() -> None:
    patch = LoadedLibrary(
        name="cudart", path="/usr/lib/libcudart.so.13.2.51", version="13.2", owner_kind="system", bundled=""
    )
    assert judge(runtime_mismatch, LoadedLibraries(libraries=(patch,)), TORCH).findings == ()


def test_silent_in_conda_whose_solver_decides() -> None:
    conda = LoadedLibrary(
        name="cudart", path="/opt/conda/lib/libcudart.so.12", version="12.9", owner_kind="conda", bundled=""
    )
    assert (
        judge(
            runtime_mismatch, LoadedLibraries(libraries=(conda,)), TorchRuntime(cuda="12.6", version="2.9.0")
        ).findings
        == ()
    )


def test_silent_where_it_was_shadowed_or_has_no_version() -> None:
    shadowed = LoadedLibrary(
        name="cudart", path="/x/libcudart.so.13", version="13.0", owner_kind="unknown", bundled=OWN.path
    )
    unknown = LoadedLibrary(name="cudart", path="/x/libcudart.so.13", owner_kind="unknown", bundled="")
    assert judge(runtime_mismatch, LoadedLibraries(libraries=(shadowed,)), TORCH).findings == ()
    assert judge(runtime_mismatch, LoadedLibraries(libraries=(unknown,)), TORCH).findings == ()


def test_skipped_without_the_memory_map_or_torchs_cuda() -> None:
    assert judge(runtime_mismatch, TORCH).result.status == "skipped"
    assert judge(runtime_mismatch, LoadedLibraries(libraries=(TOOLKIT,))).result.status == "skipped"
