from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from envdoctor.collect.host import LiveHost
from envdoctor.collect.missing_libraries import Asked, asked_for, library_of_symbol, missing_libraries
from envdoctor.facts import (
    MappedFile,
    MappedFiles,
    MissingLibraries,
    MissingLibrary,
    Pin,
    Stage,
    TorchInstall,
    TorchRuntime,
)

ElfWriter = Callable[..., str]

pytestmark = pytest.mark.usefixtures("no_cache")

PIN = Pin(name="nvidia-cudnn-cu12", specifier="==9.1.0.70", installed="", satisfied=False)


@pytest.fixture
def site(write_elf: ElfWriter, tmp_path: Path) -> str:
    """A torch with its wheels, but for cuDNN."""
    write_elf(
        "site/torch/lib/libtorch_cuda.so",
        needed=("libcudnn.so.9", "libnccl.so.2", "libcudart.so.12"),
        rpath="$ORIGIN/../../nvidia/cudnn/lib:$ORIGIN/../../nvidia/nccl/lib",
    )
    write_elf("site/nvidia/nccl/lib/libnccl.so.2", soname="libnccl.so.2")
    return str(tmp_path / "site")


def examine(site: str, error: str, *, stderr: str = "", status: str = "failed", **environ: str) -> MissingLibraries:
    runtime = TorchRuntime(stages=(Stage(name="import", status=status, error=error),), stderr=stderr)  # type: ignore[arg-type]
    return missing_libraries(LiveHost(environ=environ), runtime, None, TorchInstall(location=site, pins=(PIN,)), None)


def one(found: MissingLibraries) -> MissingLibrary:
    [missing] = found.missing
    return missing


NOT_FOUND = "libcudnn.so.9: cannot open shared object file: No such file or directory"


def test_a_missing_library_with_who_asks_where_it_was_sought_and_who_ships_it(site: str) -> None:
    missing = one(examine(site, NOT_FOUND))
    assert (missing.name, missing.kind, missing.copies) == ("libcudnn.so.9", "library", ())
    assert missing.needed_by == f"{site}/torch/lib/libtorch_cuda.so"
    assert missing.searched[:2] == (
        f"{site}/nvidia/cudnn/lib (DT_RPATH of libtorch_cuda.so)",
        f"{site}/nvidia/nccl/lib (DT_RPATH of libtorch_cuda.so)",
    )
    assert missing.provider == "nvidia-cudnn-cu12==9.1.0.70"


def test_a_broken_link_is_no_copy(site: str) -> None:
    place = Path(site) / "nvidia/cudnn/lib/libcudnn.so.9"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to("/nonexistent/libcudnn.so.9")
    assert one(examine(site, NOT_FOUND)).copies == ()


def test_copies_elsewhere_are_told(site: str, write_elf: ElfWriter) -> None:
    copy = write_elf("conda/lib/libcudnn.so.9")
    assert one(examine(site, NOT_FOUND, CONDA_PREFIX=str(Path(copy).parent.parent))).copies == (copy,)


def test_nothing_is_missing_where_the_import_worked(site: str) -> None:
    assert examine(site, "", status="ok") == MissingLibraries()
    assert examine(site, "Found no NVIDIA driver on your system.") == MissingLibraries()


def test_without_a_torch_location_the_name_is_still_told() -> None:
    runtime = TorchRuntime(stages=(Stage(name="import", status="failed", error=NOT_FOUND),))
    missing = one(missing_libraries(LiveHost(environ={}), runtime, None, None, None))
    assert (missing.name, missing.needed_by) == ("libcudnn.so.9", None)


def test_a_missing_symbol_names_the_file_that_was_taken_first(site: str, write_elf: ElfWriter, tmp_path: Path) -> None:
    other = write_elf("old/libnccl.so.2")
    error = f"{site}/torch/lib/libtorch_cuda.so: undefined symbol: ncclCommRegister"
    missing = one(examine(site, error, LD_LIBRARY_PATH=f"{tmp_path}/old"))
    assert (missing.name, missing.kind, missing.symbol) == ("libnccl.so.2", "symbol", "ncclCommRegister")
    assert missing.copies == (f"{site}/nvidia/nccl/lib/libnccl.so.2", other)


def test_a_runpath_lets_an_older_library_win(site: str, write_elf: ElfWriter, tmp_path: Path) -> None:
    asks = write_elf(
        "site/nvidia/cusparse/lib/libcusparse.so.12",
        needed=("libnvJitLink.so.12",),
        runpath="$ORIGIN/../../nvjitlink/lib",
    )
    own, old = (write_elf(f"{place}/libnvJitLink.so.12") for place in ("site/nvidia/nvjitlink/lib", "old"))
    error = f"{site}/torch/lib/../../nvidia/cusparse/lib/libcusparse.so.12: undefined symbol: __nvJitLinkComplete_12_4, version libnvJitLink.so.12"
    missing = one(examine(site, error, LD_LIBRARY_PATH=f"{tmp_path}/old"))
    assert missing.copies == (old, own)
    assert missing.needed_by == asks
    assert missing.searched[0] == f"{tmp_path}/old (LD_LIBRARY_PATH)"


def test_what_torch_linalg_will_need_is_sought_before(site: str, write_elf: ElfWriter) -> None:
    asks = write_elf(
        "site/torch/lib/libtorch_cuda_linalg.so",
        needed=("libtorch_cuda.so", "libcusolver.so.11", "libcudart.so.12", "libm.so.6"),
        rpath="$ORIGIN/../../nvidia/cusolver/lib",
    )
    pin = Pin(name="nvidia-cusolver-cu12", specifier="==11.6.1.9", installed="11.6.1.9", satisfied=True)
    install = TorchInstall(location=site, pins=(pin,))
    ok = TorchRuntime(stages=(Stage(name="import", status="ok"),))

    def look(*mapped: str) -> MissingLibraries:
        files = MappedFiles(files=tuple(MappedFile(path=path) for path in mapped))
        return missing_libraries(LiveHost(environ={}), ok, files, install, None)

    missing = one(look("/x/libcudart.so.12"))
    assert (missing.name, missing.needed_by) == ("libcusolver.so.11", asks)
    assert missing.provider == "nvidia-cusolver-cu12==11.6.1.9"
    assert look("/elsewhere/libcusolver.so.11").missing == ()
    write_elf("site/nvidia/cusolver/lib/libcusolver.so.11")
    assert look().missing == ()


def test_torchs_own_search_gives_no_number(site: str) -> None:
    missing = one(examine(site, "libcudart.so.*[0-9] not found in the system path ['', '/usr/lib/python3.11']"))
    assert missing.name == "libcudart.so.12"
    twice = "libcudart.so.*[0-9].*[0-9] not found in the system path ['']"  # as torch 2.0 wrote it
    assert one(examine(site, twice)).name == "libcudart.so.12"


def test_a_library_that_aborts_says_it_on_stderr(site: str) -> None:
    words = "Unable to load any of {libcudnn_graph.so.9.1.0, libcudnn_graph.so.9.1, libcudnn_graph.so.9, libcudnn_graph.so}\n"
    assert one(examine(site, "", stderr=words, status="crashed")).name == "libcudnn_graph.so.9"
    assert examine(site, "some other error", stderr=words) == MissingLibraries()


def test_a_part_of_cudnn_that_is_there_and_was_not_loaded_is_not_missing(site: str, write_elf: ElfWriter) -> None:
    write_elf("site/nvidia/cudnn/lib/libcudnn.so.9", runpath="$ORIGIN")
    write_elf("site/nvidia/cudnn/lib/libcudnn_cnn.so.9")
    words = "Unable to load any of {libcudnn_cnn.so.9.1.0, libcudnn_cnn.so.9.1, libcudnn_cnn.so.9, libcudnn_cnn.so}\n"
    missing = one(examine(site, "", stderr=words, status="crashed"))
    assert (missing.name, missing.kind) == ("libcudnn_cnn.so.9", "version")


def test_a_part_of_cudnn_that_it_does_not_name(site: str, write_elf: ElfWriter) -> None:
    write_elf("site/nvidia/cudnn/lib/libcudnn_ops.so.9", needed=("libcudnn_graph.so.9", "libz.so.1"), runpath="$ORIGIN")
    words = "Invalid handle. Cannot load symbol cudnnGetVersion\n"
    assert one(examine(site, "", stderr=words, status="crashed")).name == "libcudnn_graph.so.9"
    write_elf("site/nvidia/cudnn/lib/libcudnn_graph.so.9")
    assert examine(site, "", stderr=words, status="crashed").missing == ()


def test_a_part_of_cudnn_that_only_a_code_tells_of(site: str, write_elf: ElfWriter) -> None:
    opener = write_elf("site/nvidia/cudnn/lib/libcudnn.so.9", runpath="$ORIGIN")
    words = "cuDNN cannot load its parts: cudnnCnnVersionCheck returned 3009"
    missing = one(examine(site, words))
    assert (missing.name, missing.needed_by) == ("libcudnn_cnn.so.9", opener)
    assert f"{site}/nvidia/cudnn/lib (DT_RUNPATH of libcudnn.so.9)" in missing.searched
    assert len({place.partition(" (")[0] for place in missing.searched}) == len(missing.searched)
    write_elf("site/nvidia/cudnn/lib/libcudnn_cnn.so.9")
    assert examine(site, words).missing == ()


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (
            "ImportError: libcupti.so.12: cannot open shared object file: No such file or directory",
            Asked("libcupti.so.12", "library"),
        ),
        (
            "Error loading shared library libcudart.so.12: No such file or directory (needed by /a/libtorch_cuda.so)",
            Asked("libcudart.so.12", "library", by="/a/libtorch_cuda.so"),
        ),
        (
            "Could not load library libcudnn_cnn_infer.so.8. Error: libcuda.so: cannot open shared object",
            Asked("libcudnn_cnn_infer.so.8", "library"),
        ),
        (
            "/lib/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by /a b/_C.so)",
            Asked("libstdc++.so.6", "version", "GLIBCXX_3.4.32", "/a b/_C.so"),
        ),
        (
            "/home/a b/torch/lib/libtorch_cuda.so: undefined symbol: cudnnGetVersion",
            Asked(None, "symbol", "cudnnGetVersion", "/home/a b/torch/lib/libtorch_cuda.so"),
        ),
        (
            "Error relocating /a/libtorch_cuda.so: ncclCommSplit: symbol not found",
            Asked(None, "symbol", "ncclCommSplit", "/a/libtorch_cuda.so"),
        ),
    ],
)
def test_the_words_of_loaders(text: str, asked: Asked) -> None:
    assert list(asked_for(text)) == [asked]


@pytest.mark.parametrize(
    "text",
    [
        "libtorch_cpu.so: cannot enable executable stack as shared object requires: Invalid argument",
        "libcudnn.so.9: cannot open shared object file: Permission denied",
        "No module named 'torch._C'",
        "",
    ],
)
def test_what_is_there_but_cannot_be_used_is_not_missing(text: str) -> None:
    assert list(asked_for(text)) == []


def test_the_longer_beginning_of_a_symbol_decides() -> None:
    needed = ("libcublas.so.12", "libcublasLt.so.12", "libcudart.so.12", "libcusparse.so.12")
    assert library_of_symbol("cublasLtMatmul", needed) == "libcublasLt.so.12"
    assert library_of_symbol("cublasSgemm_v2", needed) == "libcublas.so.12"
    assert library_of_symbol("cudaGraphInstantiate", needed) == "libcudart.so.12"
    assert library_of_symbol("_ZN3c105ErrorC2E", needed) is None
