"""Small shared libraries, written byte by byte: the loader's rules are tested without a compiler and without torch."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

ElfWriter = Callable[..., str]


def elf_bytes(
    *,
    soname: str | None = None,
    needed: tuple[str, ...] = (),
    rpath: str | None = None,
    runpath: str | None = None,
    machine: int = 62,
    bits: int = 64,
) -> bytes:
    """A library with a dynamic section and nothing else."""
    wanted = [(1, name) for name in needed] + [(14, soname), (15, rpath), (29, runpath)]
    strings, tags = b"\0", []
    for tag, text in wanted:
        if text is not None:
            tags.append((tag, len(strings)))
            strings += text.encode() + b"\0"
    wide = bits == 64
    head_size, segment_size, entry = (64, 56, "<qQ") if wide else (52, 32, "<iI")
    dynamic_at = head_size + 2 * segment_size
    dynamic_size = (len(tags) + 2) * struct.calcsize(entry)
    strings_at, base = dynamic_at + dynamic_size, 0x10000
    section = b"".join(struct.pack(entry, *tag) for tag in [*tags, (5, base + strings_at), (0, 0)])
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    form = "<HHIQQQIHHHHHH" if wide else "<HHIIIIIHHHHHH"
    head = ident + struct.pack(form, 3, machine, 1, 0, head_size, 0, 0, head_size, segment_size, 2, 0, 0, 0)
    size = strings_at + len(strings)

    def segment(kind: int, offset: int, length: int) -> bytes:
        if wide:
            return struct.pack("<IIQQQQQQ", kind, 4, offset, base + offset, base + offset, length, length, 8)
        return struct.pack("<IIIIIIII", kind, offset, base + offset, base + offset, length, length, 4, 4)

    return head + segment(1, 0, size) + segment(2, dynamic_at, dynamic_size) + section + strings


@pytest.fixture
def write_elf(tmp_path: Path) -> ElfWriter:
    """Writes a library below tmp_path, and gives its path."""

    def write(name: str, **sections: object) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(elf_bytes(**sections))  # type: ignore[arg-type]
        return str(path)

    return write


@pytest.fixture
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose loader has no cache: that of the machine that runs the tests is none of theirs."""
    monkeypatch.setattr("envdoctor.collect.loader.read_cache", lambda host, machine: ())
