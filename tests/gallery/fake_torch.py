"""fixtures/fake-torch/build.py as a module."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_spec = importlib.util.spec_from_file_location(
    "fake_torch_build", Path(__file__).resolve().parents[2] / "fixtures" / "fake-torch" / "build.py"
)
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _module
_spec.loader.exec_module(_module)

BUILDS, build, decoy, write_dist = _module.BUILDS, _module.build, _module.decoy, _module.write_dist
