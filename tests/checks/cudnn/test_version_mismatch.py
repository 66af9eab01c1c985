from __future__ import annotations

import pytest

from envdoctor.diagnose.testing import judge
from envdoctor.facts import (
    Environment,
    Interpreter,
    LoadedLibraries,
    LoadedLibrary,
    Message,
    Messages,
    MissingLibraries,
    MissingLibrary,
    Pin,
    Stage,
    TorchInstall,
    TorchRuntime,
)
from envdoctor_checks.cudnn.version_mismatch import version_mismatch

SITE = "/opt/venv/lib/python3.11/site-packages/nvidia/cudnn/lib"
PYTHON = Interpreter(path="/opt/venv/bin/python", has_pip=True)
TORCH = TorchInstall(
    version="2.5.1+cu124",
    cuda="12.4",
    pins=(Pin(name="nvidia-cudnn-cu12", specifier="==9.1.0.70", installed="9.1.0.70", satisfied=True),),
)


def runtime(compiled: str, loaded: str) -> TorchRuntime:
    return TorchRuntime(version="2.5.1+cu124", cuda="12.4", cudnn_compiled=compiled, cudnn_loaded=loaded)


def library(name: str, version: str | None, folder: str = SITE) -> LoadedLibrary:
    bundled = "" if folder == SITE else f"{SITE}/lib{name}.so.9"
    return LoadedLibrary(
        name=name, path=f"{folder}/lib{name}.so.9", version=version, reason="LD_LIBRARY_PATH", bundled=bundled
    )


OWN = tuple(
    library(name, version) for name, version in (("cudnn", "9.1.0"), ("cudnn_graph", "9.1.0"), ("cudnn_cnn", None))
)


@pytest.mark.parametrize(("compiled", "loaded"), [("9.1.0", "8.9.2"), ("9.1.0", "9.0.0"), ("8.9.2", "9.1.0")])
def test_fires_on_what_torch_refuses(compiled: str, loaded: str) -> None:
    [finding] = judge(version_mismatch, runtime(compiled, loaded), TORCH, PYTHON).findings
    assert finding.title == f"cuDNN {loaded} is loaded; torch 2.5.1+cu124 was compiled with cuDNN {compiled}"
    assert (
        finding.fix[0].command
        == "/opt/venv/bin/python -m pip install --force-reinstall --no-deps nvidia-cudnn-cu12==9.1.0.70"
    )


def test_fires_on_torchs_own_refusal() -> None:
    error = (
        "cuDNN version incompatibility: PyTorch was compiled  against (9, 1, 0) but found runtime version (9, 0, 0)."
    )
    stage = Stage(name="cudnn", status="failed", error_type="RuntimeError", error=error)
    [finding] = judge(version_mismatch, TorchRuntime(version="2.5.1+cu124", stages=(stage,))).findings
    assert finding.title == "cuDNN 9.0.0 is loaded; torch 2.5.1+cu124 was compiled with cuDNN 9.1.0"


def test_fires_on_the_loaded_library_where_torch_did_not_answer() -> None:
    crashed = TorchRuntime(
        version="2.5.1+cu124", cudnn_compiled="9.1.0", stages=(Stage(name="cudnn", status="crashed"),)
    )
    loaded = LoadedLibraries(libraries=(library("cudnn", "8.9.2", "/opt/old"),))
    [finding] = judge(
        version_mismatch, crashed, loaded, Environment(variables={"LD_LIBRARY_PATH": "/opt/old"})
    ).findings
    assert finding.title == "cuDNN 8.9.2 is loaded; torch 2.5.1+cu124 was compiled with cuDNN 9.1.0"
    assert finding.fix[0].command == "unset LD_LIBRARY_PATH"


def test_fires_on_a_part_that_is_there_and_cannot_be_loaded() -> None:
    part = MissingLibrary(name="libcudnn_cnn.so.9", kind="version", needed_by=f"{SITE}/libcudnn.so.9")
    [finding] = judge(version_mismatch, MissingLibraries(missing=(part,)), TORCH, PYTHON).findings
    assert finding.title == "libcudnn.so.9 finds libcudnn_cnn.so.9 and cannot load it"


def test_a_part_among_torchs_own_is_not_to_be_removed() -> None:
    mixed = LoadedLibraries(libraries=(OWN[0], library("cudnn_ops", "9.12.0")))
    install = TorchInstall(location="/opt/venv/lib/python3.11/site-packages", pins=TORCH.pins)
    [finding] = judge(version_mismatch, mixed, install, PYTHON).findings
    assert [fix.text for fix in finding.fix] == ["Reinstall nvidia-cudnn-cu12==9.1.0.70"]


def test_fires_on_parts_of_two_releases() -> None:
    mixed = LoadedLibraries(libraries=(OWN[0], library("cudnn_graph", "9.5.1", "/usr/lib/x86_64-linux-gnu")))
    [finding] = judge(version_mismatch, runtime("9.1.0", "9.1.0"), mixed, TORCH).findings
    assert finding.title == "libcudnn is 9.1.0; libcudnn_graph.so.9 is 9.5.1 from /usr/lib/x86_64-linux-gnu"
    assert len(finding.evidence) == 2


def test_fires_on_a_symbol_that_a_part_lacks() -> None:
    symbol = MissingLibrary(
        name="libcudnn_ops.so.9", kind="symbol", symbol="cudnnSomething", needed_by="/v/libcudnn_cnn.so.9"
    )
    [finding] = judge(version_mismatch, MissingLibraries(missing=(symbol,)), TORCH).findings
    assert finding.title == "libcudnn_cnn.so.9 calls cudnnSomething; libcudnn_ops.so.9 lacks it"


def test_fires_on_a_message_alone() -> None:
    said = Message(
        key="cudnn-sublibrary-version-mismatch", text="cuDNN error: CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH"
    )
    [finding] = judge(version_mismatch, Messages(messages=(said,))).findings
    assert finding.title == "cuDNN does not fit: cuDNN error: CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH"


@pytest.mark.parametrize(
    ("compiled", "loaded"), [("9.1.0", "9.1.0"), ("9.1.0", "9.1.2"), ("9.1.0", "9.10.2"), ("8.9.2", "8.9.2")]
)
def test_silent_on_what_torch_accepts(compiled: str, loaded: str) -> None:
    assert judge(version_mismatch, runtime(compiled, loaded), LoadedLibraries(libraries=OWN[2:])).findings == ()


def test_silent_where_all_parts_are_of_one_release() -> None:
    assert (
        judge(version_mismatch, runtime("9.1.0", "9.1.0"), LoadedLibraries(libraries=OWN), MissingLibraries()).findings
        == ()
    )


def test_silent_where_versions_are_unknown() -> None:
    unknown = LoadedLibraries(libraries=(library("cudnn", None), library("cudnn_graph", "9.1.0")))
    assert judge(version_mismatch, TorchRuntime(cuda="12.4"), unknown).findings == ()


def test_silent_without_cudnn() -> None:
    assert (
        judge(
            version_mismatch, TorchRuntime(cuda="", version="2.5.1+cpu"), LoadedLibraries(), MissingLibraries()
        ).findings
        == ()
    )


def test_skipped_where_nothing_was_seen() -> None:
    assert judge(version_mismatch, TORCH).result.status == "skipped"


def test_silent_on_an_unclear_message_where_the_loaded_files_fit() -> None:
    said = Messages(messages=(Message(key="cudnn-not-initialized", text="CUDNN_STATUS_NOT_INITIALIZED"),))
    assert judge(version_mismatch, said, LoadedLibraries(libraries=OWN), runtime("9.1.0", "9.1.0")).findings == ()
