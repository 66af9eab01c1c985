from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import CudaDriver, DriverLibraries, DriverLibrary, Environment, Message, Messages, TorchRuntime
from envdoctor_checks.cuda.stub_loaded import stub_loaded

FOLDER = "/usr/local/cuda/lib64/stubs"
STUB = DriverLibrary(
    name="libcuda.so.1",
    path=f"{FOLDER}/libcuda.so.1",
    real_path=f"{FOLDER}/libcuda.so",
    kind="stub",
    found_by="LD_LIBRARY_PATH",
    wins=True,
)
OWN = DriverLibrary(
    name="libcuda.so.1",
    path="/usr/lib/libcuda.so.1",
    real_path="/usr/lib/libcuda.so.550.54.15",
    kind="driver",
    found_by="ld.so.cache",
)
PATHS = Environment(variables={"LD_LIBRARY_PATH": f"{FOLDER}:/opt/lib"})


def test_fires_with_code_34() -> None:
    cuda = CudaDriver(library=STUB.real_path, init_code=34)
    [finding] = judge(stub_loaded, cuda, DriverLibraries(copies=(STUB, OWN)), PATHS).findings
    assert finding.title == "libcuda is the toolkit's stub /usr/local/cuda/lib64/stubs/libcuda.so.1; cuInit returns 34"
    assert finding.detail == "The driver's own is /usr/lib/libcuda.so.1."
    assert finding.fix[0].command == "export LD_LIBRARY_PATH=/opt/lib"
    assert finding.confidence == "certain"


def test_fires_by_the_path_where_cuinit_was_not_asked() -> None:
    [finding] = judge(stub_loaded, DriverLibraries(copies=(STUB,))).findings
    assert finding.title == "libcuda is the toolkit's stub /usr/local/cuda/lib64/stubs/libcuda.so.1"


def test_fires_by_the_code_where_the_path_does_not_tell() -> None:
    [finding] = judge(stub_loaded, CudaDriver(library="/opt/build/libcuda.so.1", init_code=34)).findings
    assert finding.title == "libcuda is the toolkit's stub /opt/build/libcuda.so.1; cuInit returns 34"
    assert finding.fix[0].text == "Remove /opt/build/libcuda.so.1, or whatever makes the process load it"


def test_a_stub_in_the_drivers_place_has_a_way_out_of_its_own() -> None:
    copied = DriverLibrary(
        name="libcuda.so.1", path=OWN.path, real_path=OWN.real_path, kind="driver", found_by="ld.so.cache", wins=True
    )
    cuda = CudaDriver(library=OWN.real_path, init_code=34)
    [finding] = judge(stub_loaded, cuda, DriverLibraries(copies=(copied,))).findings
    assert finding.detail == "No libcuda of a driver was found beside it."
    assert finding.fix[0].text == "Remove the package that brought /usr/lib/libcuda.so.1"


def test_fires_on_a_message_alone() -> None:
    said = Message(key="cuda-stub-library", text="CUDA driver is a stub library")
    [finding] = judge(stub_loaded, Messages(messages=(said,))).findings
    assert finding.title == "The libcuda that is loaded is a toolkit's stub"
    assert "sed" not in (finding.fix[0].command or "")


def test_silent_where_the_drivers_own_is_loaded() -> None:
    winner = DriverLibrary(
        name="libcuda.so.1", path=OWN.path, real_path=OWN.real_path, kind="driver", found_by="ld.so.cache", wins=True
    )
    behind = DriverLibrary(
        name="libcuda.so.1",
        path=f"{FOLDER}/libcuda.so",
        real_path=f"{FOLDER}/libcuda.so",
        kind="stub",
        found_by="nothing",
    )
    libraries = DriverLibraries(copies=(winner, behind))
    assert judge(stub_loaded, CudaDriver(library=OWN.real_path, init_code=0, device_count=1), libraries).findings == ()
    assert judge(stub_loaded, CudaDriver(library=OWN.real_path, init_code=999), libraries).findings == ()


def test_silent_where_the_process_mapped_another_than_the_search_gives() -> None:
    assert (
        judge(stub_loaded, CudaDriver(library=OWN.real_path, init_code=100), DriverLibraries(copies=(STUB,))).findings
        == ()
    )


def test_silent_where_there_is_no_libcuda() -> None:
    assert judge(stub_loaded, CudaDriver(library=""), DriverLibraries()).findings == ()


def test_skipped_where_nobody_could_look() -> None:
    assert judge(stub_loaded, PATHS).result.status == "skipped"


def test_a_stub_under_the_drivers_own_name_is_not_sought_in_the_loaders_configuration() -> None:
    copied = DriverLibrary(
        name="libcuda.so.1",
        path="/usr/lib/libcuda.so.1",
        real_path="/usr/lib/libcuda.so.0",
        kind="driver",
        found_by="ld.so.cache",
        wins=True,
    )
    loaded = CudaDriver(library=copied.real_path, init_code=34)
    [finding] = judge(stub_loaded, loaded, DriverLibraries(copies=(copied,))).findings
    assert finding.title == "libcuda is the toolkit's stub /usr/lib/libcuda.so.1; cuInit returns 34"
    assert finding.fix[0].command == "dpkg -S /usr/lib/libcuda.so.1 || rpm -qf /usr/lib/libcuda.so.1"
    assert finding.detail == "No libcuda of a driver was found beside it."


def test_a_link_to_the_stub_is_removed() -> None:
    link = msgspec.structs.replace(STUB, path="/usr/lib/libcuda.so.1", found_by="ld.so.cache")
    loaded = CudaDriver(library=link.real_path, init_code=34)
    [finding] = judge(stub_loaded, loaded, DriverLibraries(copies=(link,))).findings
    assert finding.fix[0].command == "sudo rm /usr/lib/libcuda.so.1 && sudo ldconfig"


def test_a_preloaded_stub() -> None:
    preloaded = msgspec.structs.replace(STUB, found_by="LD_PRELOAD")
    [finding] = judge(stub_loaded, DriverLibraries(copies=(preloaded,))).findings
    assert finding.fix[0].command == "unset LD_PRELOAD"


def test_fires_where_a_report_shows_the_stubs_on_the_path_and_cuda_failing() -> None:
    [finding] = judge(stub_loaded, Messages(), PATHS, TorchRuntime(cuda_available=False)).findings
    assert finding.title == f"{FOLDER} is on LD_LIBRARY_PATH, and CUDA does not start"
    insufficient = Messages(messages=(Message(key="cuda-insufficient-driver", text="insufficient"),))
    assert judge(stub_loaded, insufficient, PATHS).findings


def test_silent_where_the_stubs_on_the_path_do_no_harm() -> None:
    assert judge(stub_loaded, Messages(), PATHS, TorchRuntime(cuda_available=True)).findings == ()
    assert judge(stub_loaded, Messages(), PATHS).findings == ()
    other = Environment(variables={"LD_LIBRARY_PATH": "/usr/local/cuda/lib64"})
    assert judge(stub_loaded, Messages(), other, TorchRuntime(cuda_available=False)).findings == ()
