"""The streams of a child, read as they fill so that nothing blocks, and kept in part however long they are."""

from __future__ import annotations

import contextlib
import os
import selectors
import time
from collections.abc import Mapping

from envdoctor.collect.heard import Channel


class Tail:
    """The beginning and the end of a stream of any length."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.head, self.tail = bytearray(), bytearray()

    def add(self, data: bytes) -> None:
        """Take in more of the stream."""
        room = max(self.first - len(self.head), 0)
        self.head += data[:room]
        if self.last:
            self.tail += data[room:]
            del self.tail[: -self.last]

    def text(self) -> str:
        """What was kept."""
        return (self.head + self.tail).decode("utf-8", "replace")


class Pipes:
    """The streams of one child, read as they fill. Its end is the child's end, not theirs: a grandchild may hold them open."""

    def __init__(self, streams: Mapping[int, Tail | Channel], pid: int) -> None:
        self.streams = streams
        self.selector = selectors.DefaultSelector()
        self.pidfd = _pidfd(pid)
        if self.pidfd is not None:
            self.selector.register(self.pidfd, selectors.EVENT_READ)
        for fd in streams:
            os.set_blocking(fd, False)
            self.selector.register(fd, selectors.EVENT_READ)

    def read(self, seconds: float) -> None:
        """Wait up to `seconds` for something to read, and read it."""
        if not self.selector.get_map():
            time.sleep(min(seconds, 0.01))
            return
        for key, _ in self.selector.select(seconds):
            if key.fd != self.pidfd:
                self._take(key.fd, 1 << 20)

    def drain(self) -> None:
        """Read what lies ready, without waiting, 4 MiB a stream at most (a grandchild may write for ever)."""
        for key in list(self.selector.get_map().values()):
            if key.fd != self.pidfd:
                self._take(key.fd, 4 << 20)

    def _take(self, fd: int, budget: int) -> None:
        while budget > 0:
            try:
                data = os.read(fd, 1 << 16)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.selector.unregister(fd)
                return
            budget -= len(data)
            self.streams[fd].add(data)

    def close(self) -> None:
        """Close our ends."""
        self.selector.close()
        for fd in (*self.streams, *(() if self.pidfd is None else (self.pidfd,))):
            with contextlib.suppress(OSError):
                os.close(fd)


def _pidfd(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends (Linux 5.3); None: the kernel has none."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None
