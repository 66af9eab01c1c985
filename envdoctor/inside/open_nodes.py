"""Open each device node named as an argument, and close it again: opening can block inside a driver that hangs."""

import errno
import importlib.util
import os
import sys

_spec = importlib.util.spec_from_file_location(
    "channel", os.path.join(os.path.dirname(os.path.abspath(__file__)), "channel.py")
)
channel = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(channel)

for path in sys.argv[1:]:
    channel.enter(path)
    try:
        os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC))
        channel.leave(path, error=None)
    except OSError as error:
        channel.leave(path, error=errno.errorcode.get(error.errno, str(error.errno)))
