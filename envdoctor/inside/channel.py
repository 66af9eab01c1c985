"""How a child talks to envdoctor: JSON lines on a pipe of its own, which nothing else writes to.

Loaded by path (never through sys.path). ``enter(stage)`` before something that may not come back, ``leave(stage, **data)`` after it:
if the child dies between the two, the parent knows where.
"""

import faulthandler
import json
import os
import signal
import sys

_fd = int(os.environ.pop("ENVDOCTOR_CHANNEL", "-1"))
_trace_fd = int(os.environ.pop("ENVDOCTOR_TRACE", "-1"))
_nonce = os.environ.pop("ENVDOCTOR_NONCE", "")
_owner = os.getpid()


def _start():
    """Keep both pipes from programs that this process starts, and have Python's stacks written where stderr's noise cannot hide them."""
    for fd in (_fd, _trace_fd):
        if fd >= 0:
            os.set_inheritable(fd, False)
    if _trace_fd >= 0:
        faulthandler.enable(file=_trace_fd, all_threads=False)
        if hasattr(faulthandler, "register"):
            faulthandler.register(signal.SIGUSR2, file=_trace_fd, all_threads=True)


def _write(stage, event, data):
    if os.getpid() != _owner:
        os._exit(0)  # a copy that something forked off, and that came back into our code: one of us is enough
    line = dict(data, nonce=_nonce, stage=stage, event=event)
    # A line longer than the pipe's buffer is written in pieces; the parent reads all the while.
    # The newline in front parts it from what a library may have written to a pipe that is none of its business.
    text = ("\n" + json.dumps(line, default=str) + "\n").encode("utf-8", "backslashreplace")
    view = memoryview(text)
    while view:
        try:
            view = view[os.write(_fd, view) :]
        except OSError:
            return  # the parent is gone: nobody is left to tell


def trace_file():
    """Where Python's stacks go: a descriptor for faulthandler."""
    return _trace_fd if _trace_fd >= 0 else 2


def enter(stage):
    """Say that `stage` begins."""
    _write(stage, "enter", {})


def leave(stage, **data):
    """Say that `stage` came back, with what it found."""
    _write(stage, "leave", data)


def say(stage, **data):
    """A fact found in the middle of a stage."""
    _write(stage, "fact", data)


if sys.version_info < (3, 8):
    _write("start", "fact", {"unsupported": "%d.%d" % sys.version_info[:2]})
    sys.exit(3)
_start()
