"""The loader's cache, /etc/ld.so.cache, as ldconfig writes it (glibc's ``cache_file_new``, sysdeps/generic/dl-cache.h)."""

from __future__ import annotations

import struct
from typing import NamedTuple

from envdoctor.collect.host import Host

MAGIC = b"glibc-ld.so.cache1.1"
HEADER = struct.Struct("<20sIIB3xI12x")
ENTRY = struct.Struct("<iIIIQ")
ARCHITECTURE = {"x86_64": 0x0300, "aarch64": 0x0A00, "ppc64le": 0x0500}
"""The high byte of an entry's flags, by machine (elf/cache.c)."""


class CacheEntry(NamedTuple):
    """One library that the cache knows."""

    soname: str
    path: str
    flags: int


def parse(data: bytes, machine: str) -> tuple[CacheEntry, ...]:
    """The entries for `machine`, in the cache's order. Raises ValueError for what is no such cache, or is cut off."""
    start = data.find(MAGIC)
    if start < 0:
        raise ValueError("no glibc cache")
    try:
        _, count, _, _, _ = HEADER.unpack_from(data, start)
        rows = [ENTRY.unpack_from(data, start + HEADER.size + i * ENTRY.size) for i in range(count)]
    except struct.error as error:
        raise ValueError("the cache is cut off") from error
    wanted = ARCHITECTURE.get(machine)
    return tuple(
        CacheEntry(_text(data, start + key), _text(data, start + value), flags)
        for flags, key, value, _, _ in rows
        if wanted is None or flags & 0xFF00 == wanted
    )


def _text(data: bytes, offset: int) -> str:
    end = data.find(b"\0", offset)
    if offset >= len(data) or end < 0:
        raise ValueError("the cache is cut off")
    return data[offset:end].decode("utf-8", "surrogateescape")


def read_cache(host: Host, machine: str) -> tuple[CacheEntry, ...]:
    """The cache's entries for `machine`; none where there is no cache, or none that can be read."""
    try:
        return parse(host.read_bytes("/etc/ld.so.cache", 64 << 20), machine)
    except (OSError, ValueError):
        return ()
