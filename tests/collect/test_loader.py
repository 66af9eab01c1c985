from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from envdoctor.collect.host import LiveHost
from envdoctor.collect.ld_cache import CacheEntry
from envdoctor.collect.loader import Search, Step, default_folders, exports, library_path, read_elf
from envdoctor.facts import Interpreter

ElfWriter = Callable[..., str]


def search(**environ: str) -> Search:
    return Search(LiveHost(environ=environ))


def test_reads_what_a_library_needs_and_where_from(write_elf: ElfWriter, tmp_path: Path) -> None:
    path = write_elf("lib/a.so", soname="a.so.1", needed=("b.so.2", "c.so"), rpath="$ORIGIN/../x:/opt/y:${ORIGIN}")
    elf = read_elf(path)
    assert elf is not None
    assert (elf.soname, elf.needed, elf.kind) == ("a.so.1", ("b.so.2", "c.so"), (2, 62))
    assert elf.rpath == (f"{tmp_path}/x", "/opt/y", f"{tmp_path}/lib")
    assert elf.runpath == ()


def test_a_runpath_makes_the_rpath_void(write_elf: ElfWriter) -> None:
    elf = read_elf(write_elf("a.so", rpath="/one", runpath="/two"))
    assert elf is not None
    assert (elf.rpath, elf.runpath, elf.soname) == ((), ("/two",), None)


def test_reads_libraries_of_32_bits_too(write_elf: ElfWriter) -> None:
    elf = read_elf(write_elf("a.so", soname="a.so", needed=("libc.so.6",), machine=3, bits=32))
    assert elf is not None
    assert (elf.needed, elf.kind) == (("libc.so.6",), (1, 3))


@pytest.mark.parametrize("data", [b"", b"\x7fELF", b"GROUP ( libc.so.6 )", b"\x7fELF\x02\x01" + b"\xff" * 100])
def test_what_is_no_library_is_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.so").write_bytes(data)
    assert read_elf(str(tmp_path / "x.so")) is None


def test_every_cut_of_a_library_is_none_or_read(write_elf: ElfWriter) -> None:
    path = Path(write_elf("a.so", soname="a.so", needed=("b.so",)))
    whole = path.read_bytes()
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        elf = read_elf(str(path))
        assert elf is None or elf.path == str(path)


def test_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    assert read_elf(str(tmp_path)) is None
    assert read_elf(str(tmp_path / "absent")) is None
    assert read_elf("/nul\0byte") is None


def test_the_real_interpreter_is_read() -> None:
    elf = read_elf(sys.executable)
    assert elf is not None
    assert any(name.startswith("libc.") for name in elf.needed)


def test_exports_tells_a_symbol_that_is_there_from_one_that_is_not() -> None:
    libc = next(
        (
            f"/lib/{place}/libc.so.6"
            for place in ("x86_64-linux-gnu", "aarch64-linux-gnu", "../lib64")
            if Path(f"/lib/{place}/libc.so.6").exists()
        ),
        None,
    )
    if libc is None:
        pytest.skip("no glibc where it is looked for")
    assert exports(libc, "printf") is True
    assert exports(libc, "ncclCommRegister") is False


def test_exports_is_unknown_for_what_is_no_library(tmp_path: Path) -> None:
    (tmp_path / "x.so").write_text("INPUT(-lx)")
    assert exports(str(tmp_path / "x.so"), "printf") is None
    assert exports(str(tmp_path / "absent"), "printf") is None


def test_the_order_with_an_rpath(write_elf: ElfWriter, no_cache: None) -> None:
    requirer = read_elf(write_elf("a.so", rpath="/own"))
    above = read_elf(write_elf("b.so", rpath="/above"))
    assert above is not None
    steps = list(search(LD_LIBRARY_PATH="/env").steps("x.so", requirer, [above]))
    assert steps[:3] == [
        Step("/own", "DT_RPATH of a.so"),
        Step("/above", "DT_RPATH of b.so"),
        Step("/env", "LD_LIBRARY_PATH"),
    ]
    assert {step.why for step in steps[3:]} == {"default path"}


def test_the_order_with_a_runpath(write_elf: ElfWriter, no_cache: None) -> None:
    requirer = read_elf(write_elf("a.so", runpath="/own"))
    above = read_elf(write_elf("b.so", rpath="/above"))
    assert above is not None
    steps = list(search(LD_LIBRARY_PATH="/env").steps("x.so", requirer, [above]))
    assert steps[:2] == [Step("/env", "LD_LIBRARY_PATH"), Step("/own", "DT_RUNPATH of a.so")]
    assert not any("b.so" in step.why for step in steps)


def test_the_programs_rpath_holds_for_what_it_loads(write_elf: ElfWriter, no_cache: None) -> None:
    python = write_elf("env/bin/python3.11", rpath="$ORIGIN/../lib")
    write_elf("env/lib/libcudart.so.12")
    found = Search(LiveHost(environ={}), Interpreter(path=python, real_path=python, machine="x86_64")).find(
        "libcudart.so.12", read_elf(write_elf("torch/libtorch_cuda.so", rpath="$ORIGIN"))
    )
    assert found is not None
    assert found[1].why == "DT_RPATH of python3.11"


def test_the_cache_comes_after_the_runpath(write_elf: ElfWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = write_elf("toolkit/libcudart.so.12")
    monkeypatch.setattr(
        "envdoctor.collect.loader.read_cache", lambda host, machine: (CacheEntry("libcudart.so.12", cached, 0x303),)
    )
    requirer = read_elf(write_elf("a.so", runpath="$ORIGIN/wheel"))
    assert search().find("libcudart.so.12", requirer) == (cached, Step(cached.rpartition("/")[0], "ld.so.cache"))
    wheel = write_elf("wheel/libcudart.so.12")
    found = search().find("libcudart.so.12", requirer)
    assert found is not None
    assert found[0] == wheel


def test_a_file_of_another_machine_is_passed_over(write_elf: ElfWriter, no_cache: None, tmp_path: Path) -> None:
    write_elf("old/x.so", machine=3, bits=32)
    right = write_elf("right/x.so")
    requirer = read_elf(write_elf("a.so", runpath="$ORIGIN/right"))
    found = search(LD_LIBRARY_PATH=f"{tmp_path}/old").find("x.so", requirer)
    assert found is not None
    assert found[0] == right


def test_nothing_is_found_where_there_is_nothing(write_elf: ElfWriter, no_cache: None) -> None:
    assert search().find("libnothing.so.1", read_elf(write_elf("a.so", rpath="/nowhere"))) is None


@pytest.mark.parametrize(
    ("value", "folders"),
    [("", ()), ("/a:/b/", ("/a", "/b")), ("/a;/b", ("/a", "/b")), ("/a:", ("/a", ".")), (":", (".", "."))],
)
def test_library_path(value: str, folders: tuple[str, ...]) -> None:
    assert library_path(LiveHost(environ={"LD_LIBRARY_PATH": value})) == folders


def test_default_folders_of_a_machine_without_multiarch() -> None:
    assert default_folders("riscv64") == ("/lib64", "/usr/lib64", "/lib", "/usr/lib")
    assert default_folders("aarch64")[0] == "/lib/aarch64-linux-gnu"


@pytest.mark.skipif(shutil.which("readelf") is None, reason="needs readelf")
def test_agrees_with_readelf() -> None:
    import subprocess

    elf = read_elf(sys.executable)
    assert elf is not None
    said = subprocess.run(["readelf", "-d", sys.executable], capture_output=True, text=True, check=True).stdout
    assert [line.split("[")[1].rstrip("]") for line in said.splitlines() if "(NEEDED)" in line] == list(elf.needed)
