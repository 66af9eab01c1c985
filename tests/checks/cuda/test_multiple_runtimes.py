from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import LoadedLibraries, LoadedLibrary, Message, Messages, TorchRuntime
from envdoctor_checks.cuda.multiple_runtimes import multiple_runtimes

OWN = LoadedLibrary(
    name="cudart",
    path="/v/nvidia/cuda_runtime/lib/libcudart.so.12",
    version="12.4",
    reason="DT_RPATH of libtorch_cuda.so",
)
OTHER = LoadedLibrary(name="cudart", path="/opt/tf/libcudart.so.11.0", version="11.8", reason="LD_PRELOAD")
TORCH = TorchRuntime(version="2.5.1+cu124", cuda="12.4")


def test_fires_on_two_majors() -> None:
    [finding] = judge(multiple_runtimes, LoadedLibraries(libraries=(OWN, OTHER)), TORCH).findings
    assert finding.title == "libcudart 11.8 and 12.4 are loaded in one process; torch is built for CUDA 12.4"
    assert finding.severity == "warning"
    assert finding.fix[0].command == "unset LD_PRELOAD"


def test_only_a_note_where_torch_works() -> None:
    working = TorchRuntime(version="2.5.1+cu124", cuda="12.4", works=True)
    [finding] = judge(multiple_runtimes, LoadedLibraries(libraries=(OWN, OTHER)), working).findings
    assert finding.severity == "info"


def test_silent_with_one_runtime_or_two_of_one_major() -> None:
    twin = LoadedLibrary(name="cudart", path="/opt/x/libcudart.so.12", version="12.1")
    assert judge(multiple_runtimes, LoadedLibraries(libraries=(OWN,)), TORCH).findings == ()
    assert judge(multiple_runtimes, LoadedLibraries(libraries=(OWN, twin)), TORCH).findings == ()
    assert judge(multiple_runtimes, LoadedLibraries(), TORCH).findings == ()


def test_silent_where_a_version_is_unknown() -> None:
    unknown = LoadedLibrary(name="cudart", path="/opt/x/libcudart.so")
    assert judge(multiple_runtimes, LoadedLibraries(libraries=(OWN, unknown))).findings == ()


def test_skipped_without_the_memory_map() -> None:
    assert judge(multiple_runtimes, TORCH).result.status == "skipped"


def test_fires_on_what_a_linker_or_program_says() -> None:
    text = "/usr/bin/ld: warning: libcudart.so.10.2, needed by /opt/libfoo.so, may conflict with libcudart.so.11.0"
    said = Messages(messages=(Message(key="linker-two-cuda-runtimes", text=text),))
    [finding] = judge(multiple_runtimes, said).findings
    assert finding.title.startswith("Libraries of two CUDA versions in one program: warning: libcudart.so.10.2")
    assert judge(multiple_runtimes, Messages()).findings == ()
