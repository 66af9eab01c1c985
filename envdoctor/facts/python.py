"""The examined interpreter, and what is installed in it. Nothing here imports torch."""

from __future__ import annotations

from typing import ClassVar, Literal

from envdoctor.facts.base import Fact


class Interpreter(Fact, frozen=True, kw_only=True):
    """The Python that is examined."""

    path: str
    """As it is called: what a fix has to name."""
    real_path: str | None = None
    version: str | None = None
    """``3.11.7``."""
    implementation: str | None = None
    """``cpython``."""
    tags: tuple[str, ...] | None = None
    """Wheel tags it accepts: interpreter-ABI pairs such as ``cp311-cp311``; the platform is `machine` and `libc`."""
    machine: str | None = None
    """Of the interpreter: a 32-bit Python on a 64-bit kernel differs from `System.machine`."""
    bits: int | None = None
    libc: str | None = None
    """``glibc 2.36`` or ``musl …``."""
    free_threaded: bool | None = None
    debug: bool | None = None
    prefix: str | None = None
    base_prefix: str | None = None
    virtual_env: bool | None = None
    conda_prefix: str | None = None
    """Empty: no conda environment."""
    sys_path: tuple[str, ...] = ()
    externally_managed: bool | None = None
    """PEP 668: pip refuses to install here."""
    has_pip: bool | None = None
    chosen_by: str | None = None
    """Why this one: ``--python``, ``VIRTUAL_ENV``, ``CONDA_PREFIX``, ``the interpreter envdoctor runs in``, ``python3 on PATH``."""
    rpath: tuple[str, ...] | None = None
    """DT_RPATH of the executable, expanded: where its dlopen looks first (conda)."""


class Distribution(Fact, frozen=True, kw_only=True):
    """One installed distribution (a dist-info or egg-info folder)."""

    name: str
    """Normalised: lower case, dashes."""
    version: str
    location: str
    """The folder on sys.path that holds it."""
    installer: str | None = None
    """``pip``, ``uv``, ``conda`` …; empty: not recorded."""
    wheel_tag: str | None = None
    editable: bool | None = None
    requires: tuple[str, ...] | None = None
    """Requires-Dist, those that matter: torch, nvidia-*, triton."""
    built_for_torch: str | None = None
    """The torch it was compiled against, where the package says so (torchvision/version.py, xformers' build metadata, flash-attn's file name …)."""
    built_for_cuda: str | None = None
    """``12.4``; ``cpu``: without CUDA."""


class Pin(Fact, frozen=True, kw_only=True):
    """One nvidia-* (or triton) requirement of torch's own metadata against what is installed."""

    name: str
    specifier: str
    """``==9.1.0.70``; empty: any."""
    installed: str
    """Empty: not installed."""
    satisfied: bool


class TorchInstall(Fact, frozen=True, kw_only=True):
    """The torch on the examined interpreter's path, read from its files without importing it."""

    default_source: ClassVar[str] = "torch/version.py"

    present: bool | None = None
    distributions: tuple[Distribution, ...] = ()
    """Every torch dist-info on sys.path, in path order: the first wins."""
    module_file: str | None = None
    """What ``import torch`` would load; empty: nothing."""
    module_kind: Literal["package", "shadow", "namespace"] | None = None
    """shadow: a torch.py or torch/ that is not PyTorch; namespace: a folder without __init__.py, such as an uninstall leaves."""
    version: str | None = None
    """``2.5.1+cu124`` as torch/version.py has it."""
    cuda: str | None = None
    """``torch.version.cuda``; empty: built without CUDA."""
    hip: str | None = None
    """``torch.version.hip``; empty: not a ROCm build."""
    xpu: str | None = None
    """``torch.version.xpu``; empty: not an XPU build."""
    git: str | None = None
    has_cuda_library: bool | None = None
    """torch/lib has a libtorch_cuda."""
    location: str | None = None
    """The folder torch/ lies in."""
    pins: tuple[Pin, ...] | None = None
    """What the winning distribution's metadata asks of nvidia-* and triton packages, with markers evaluated."""

    @property
    def build(self) -> Literal["cuda", "rocm", "xpu", "cpu"] | None:
        """The kind of build; None: it could not be told."""
        if self.hip:
            return "rocm"
        if self.cuda:
            return "cuda"
        if self.xpu:
            return "xpu"
        if self.cuda is None or self.hip is None:
            return None
        return "cpu"


class Packages(Fact, frozen=True, kw_only=True):
    """Installed distributions that work with torch or a GPU: companions, extensions, nvidia wheels, other frameworks."""

    distributions: tuple[Distribution, ...] = ()

    def get(self, name: str) -> Distribution | None:
        """The first distribution called `name` on the path."""
        return next((dist for dist in self.distributions if dist.name == name), None)


class OtherInterpreter(Fact, frozen=True, kw_only=True):
    """Another interpreter on this machine that has a torch."""

    path: str
    version: str | None = None
    torch_version: str | None = None
    torch_cuda: str | None = None
    """Empty: built without CUDA."""


class OtherInterpreters(Fact, frozen=True, kw_only=True):
    """Interpreters found nearby (PATH, virtual environments next to the working folder and in the home folder, conda, pyenv), with the torch in each."""

    interpreters: tuple[OtherInterpreter, ...] = ()
