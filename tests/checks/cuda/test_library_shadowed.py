from __future__ import annotations

import pytest

from envdoctor.diagnose.testing import judge
from envdoctor.facts import (
    Distribution,
    Environment,
    LoadedLibraries,
    LoadedLibrary,
    Message,
    Messages,
    MissingLibraries,
    MissingLibrary,
    Packages,
    TorchInstall,
    TorchRuntime,
)
from envdoctor_checks.cuda.library_shadowed import library_shadowed

SITE = "/opt/venv/lib/python3.11/site-packages"
OWN = f"{SITE}/nvidia/cublas/lib/libcublas.so.12"
PACKAGES = Packages(distributions=(Distribution(name="nvidia-cublas-cu12", version="12.4.5.8", location=SITE),))
TORCH = TorchInstall(present=True, version="2.5.1+cu124", cuda="12.4", location=SITE)
PATHS = Environment(variables={"LD_LIBRARY_PATH": "/opt/old/lib:/opt/driver"})


def cublas(version: str | None, *, bundled: str = OWN, reason: str = "LD_LIBRARY_PATH") -> LoadedLibraries:
    path = "/opt/old/lib/libcublas.so.12" if bundled else OWN
    return LoadedLibraries(
        libraries=(LoadedLibrary(name="cublas", path=path, version=version, reason=reason, bundled=bundled),)
    )


def test_fires_on_an_older_copy() -> None:
    [finding] = judge(library_shadowed, cublas("12.1.0"), PACKAGES, TORCH, PATHS).findings
    assert finding.title == "libcublas.so.12 12.1.0 of /opt/old/lib won over torch's 12.4.5.8 (LD_LIBRARY_PATH)"
    assert finding.severity == "error"
    assert finding.fix[0].text == "Take /opt/old/lib out of LD_LIBRARY_PATH"
    assert finding.fix[0].command == "export LD_LIBRARY_PATH=/opt/driver"


@pytest.mark.parametrize(
    ("version", "severity"),
    [
        ("11.5.0", "error"),
        ("12.1.0", "error"),
        ("12.4.2", "error"),
        ("12.4.5", "info"),
        ("12.6.0", "warning"),
        ("13.0.0", "error"),
        (None, "warning"),
    ],
)
def test_how_bad_it_is_depends_on_the_version(version: str | None, severity: str) -> None:
    [finding] = judge(library_shadowed, cublas(version), PACKAGES, TORCH).findings
    assert finding.severity == severity


def test_milder_where_torch_was_seen_to_work() -> None:
    [finding] = judge(library_shadowed, cublas("12.6.0"), PACKAGES, TORCH, TorchRuntime(works=True)).findings
    assert finding.severity == "info"


def test_one_finding_for_one_folder() -> None:
    names = "cudnn_adv", "cudnn_graph", "cudnn_ops"
    found = LoadedLibraries(
        libraries=tuple(
            LoadedLibrary(
                name=n,
                path=f"/opt/old/lib/lib{n}.so.9",
                version="9.0.0",
                reason="LD_LIBRARY_PATH",
                bundled=f"{SITE}/nvidia/cudnn/lib/lib{n}.so.9",
            )
            for n in names
        )
    )
    wheel = Packages(distributions=(Distribution(name="nvidia-cudnn-cu12", version="9.1.0.70", location=SITE),))
    [finding] = judge(library_shadowed, found, wheel, TORCH).findings
    assert finding.title == "libcudnn_adv.so.9 9.0.0 (+2) of /opt/old/lib won over torch's 9.1.0.70 (LD_LIBRARY_PATH)"
    assert len(finding.evidence) == 3


NVJITLINK = MissingLibrary(
    name="libnvJitLink.so.12",
    kind="symbol",
    symbol="__nvJitLinkComplete_12_4",
    needed_by=f"{SITE}/nvidia/cusparse/lib/libcusparse.so.12",
    searched=("/opt/old/lib (LD_LIBRARY_PATH)", f"{SITE}/nvidia/nvjitlink/lib (DT_RUNPATH of libcusparse.so.12)"),
    copies=("/opt/old/lib/libnvJitLink.so.12", f"{SITE}/nvidia/nvjitlink/lib/libnvJitLink.so.12"),
)


def test_fires_when_the_import_ends_in_a_foreign_copy() -> None:
    [finding] = judge(library_shadowed, MissingLibraries(missing=(NVJITLINK,)), TORCH, PATHS).findings
    assert finding.title == "libnvJitLink.so.12 of /opt/old/lib (LD_LIBRARY_PATH) lacks __nvJitLinkComplete_12_4"
    assert finding.severity == "error"
    assert finding.fix[0].command == "export LD_LIBRARY_PATH=/opt/driver"


def test_fires_on_a_message_alone() -> None:
    said = Message(key="symbol-nvjitlink", text="undefined symbol: __nvJitLinkComplete_12_4")
    [finding] = judge(library_shadowed, Messages(messages=(said,))).findings
    assert (
        finding.title == "Another copy of a CUDA library wins over torch's: undefined symbol: __nvJitLinkComplete_12_4"
    )


def test_titles_fit_whatever_the_path() -> None:
    folder = "/home/somebody/very/long/path/to/an/old/toolkit/that/nobody/remembers/lib64"
    library = LoadedLibrary(
        name="cudnn_engines_precompiled",
        path=f"{folder}/libcudnn_engines_precompiled.so.9",
        version="9.0.0",
        reason="LD_LIBRARY_PATH",
        bundled=OWN,
    )
    [finding] = judge(library_shadowed, LoadedLibraries(libraries=(library,)), PACKAGES, TORCH).findings
    assert len(finding.title) <= 100


def test_silent_where_torchs_own_was_loaded() -> None:
    assert judge(library_shadowed, cublas("12.4.5", bundled=""), PACKAGES, TORCH, PATHS).findings == ()


def test_silent_where_torchs_own_copy_lacks_the_symbol() -> None:
    own = MissingLibrary(
        name="libnccl.so.2",
        kind="symbol",
        symbol="ncclCommRegister",
        searched=(f"{SITE}/nvidia/nccl/lib (DT_RPATH of libtorch_cuda.so)",),
        copies=(f"{SITE}/nvidia/nccl/lib/libnccl.so.2",),
    )
    assert judge(library_shadowed, MissingLibraries(missing=(own,)), TORCH).findings == ()


def test_silent_where_a_library_is_merely_missing_or_torchs_place_unknown() -> None:
    gone = MissingLibrary(name="libcudnn.so.9", searched=("/opt/old/lib (LD_LIBRARY_PATH)",))
    assert judge(library_shadowed, MissingLibraries(missing=(gone,)), TORCH).findings == ()
    assert judge(library_shadowed, MissingLibraries(missing=(NVJITLINK,))).findings == ()


def test_skipped_where_nothing_was_seen() -> None:
    assert judge(library_shadowed, TORCH, PATHS).result.status == "skipped"
