"""Inside a machine of the gallery: start a process as it is told, examine it, print the report, end the process.

python run_process.py '{"kind": "trains", "user": null, "examiner": null, "options": [], "stub": {}}'
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

KINDS = {
    "computes": "ready()\nwhile True: sum(range(1000))",
    "uses the GPU": "use()\nready()\nsleep(600)",
    "issues": "use()\nready()\nwhile True: sum(range(1000))",
    "has loaders": """
use()
for _ in range(2):
    if os.fork() == 0:
        while True: sum(range(1000))
ready()
sleep(600)
""",
}
"""What the process does once it has imported torch."""

PRELUDE = """
import ctypes, os, sys
from time import sleep
import torch
def use():
    ctypes.CDLL("libcuda.so.1")
    globals()["nodes"] = [open("/dev/" + name) for name in ("nvidiactl", "nvidia0", "nvidia-uvm")]
def ready():
    os.write(1, b"ready")
"""
EXAMINE = "import envdoctor.diagnose.running as r; r.STARTING = 0.0; from envdoctor.cli import main; main()"
"""As if the process had run for a while: a test does not wait for that."""


def main() -> None:
    """See above."""
    setting = json.loads(sys.argv[1])
    environ = {name: value for name, value in os.environ.items() if name != "ENVDOCTOR_PYTHON"}
    program = ["/usr/bin/python3", "-c", PRELUDE + KINDS[setting["kind"]]]
    process = subprocess.Popen(
        program, stdout=subprocess.PIPE, env=environ | setting["environ"], user=setting["user"], start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.read(5) == b"ready"
    for old, new in setting["replace"].items():
        Path(old).unlink()
        Path(new).write_text("another version")
        Path(old).with_name("libcuda.so.1").unlink()
        Path(old).with_name("libcuda.so.1").symlink_to(new)
    stub = {name: value.replace("PID", str(process.pid)) for name, value in setting["stub"].items()}
    command = [os.environ["ENVDOCTOR_PYTHON"], "-E", "-c", EXAMINE, "check", "--json", "--pid", str(process.pid)]
    begun = time.monotonic()
    try:
        found = subprocess.run(
            [*command, "--timeout", "10", *setting["options"]],
            env={"PATH": environ["PATH"], "HOME": "/root", "LANG": "C.UTF-8"} | stub,
            stdout=subprocess.PIPE,
            user=setting["examiner"],
            check=False,
        )
    finally:
        os.killpg(process.pid, 9)
    sys.stderr.write(f"examined in {time.monotonic() - begun:.2f} s\n")
    sys.stdout.buffer.write(found.stdout)
    raise SystemExit(found.returncode)


if __name__ == "__main__":
    main()
