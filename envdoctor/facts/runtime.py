"""What importing torch shows: its stages, what it was compiled with, and every NVIDIA library it mapped."""

from __future__ import annotations

from typing import ClassVar, Literal

from envdoctor.facts.base import Evidence, Fact

StageStatus = Literal["ok", "failed", "crashed", "hung", "skipped"]


class Stage(Fact, frozen=True, kw_only=True):
    """One stage of the child that imports torch: ``import``, ``cuda-init``, ``devices``, ``cublas``, ``cudnn``, ``nccl``."""

    name: str
    status: StageStatus
    seconds: float | None = None
    error_type: str | None = None
    """``ImportError``, ``RuntimeError`` …"""
    error: str | None = None
    """The message, as it was said."""
    signal: str | None = None
    frame: str | None = None
    """The last Python frame, where the stage did not come back."""


class TorchRuntime(Fact, frozen=True, kw_only=True):
    """torch imported in the examined interpreter, in stages. A stage that did not come back leaves the later ones out."""

    default_source: ClassVar[str] = "import torch"

    stages: tuple[Stage, ...] = ()
    file: str | None = None
    version: str | None = None
    cuda: str | None = None
    """``torch.version.cuda``; empty: built without CUDA."""
    hip: str | None = None
    """Empty: not a ROCm build."""
    arch_list: tuple[str, ...] | None = None
    """``sm_80``, ``compute_90`` …: what the build has code for."""
    cuda_available: bool | None = None
    device_count: int | None = None
    device_names: tuple[str, ...] | None = None
    cudnn_compiled: str | None = None
    """``9.1.0``."""
    cudnn_loaded: str | None = None
    cudnn_available: bool | None = None
    """``torch.backends.cudnn.is_available()``."""
    cudnn_enabled: bool | None = None
    """``torch.backends.cudnn.enabled``: a switch."""
    nccl_compiled: str | None = None
    nccl_available: bool | None = None
    warnings: tuple[str, ...] = ()
    """Warnings as they were said, in order."""
    stderr: str | None = None
    """The end of what the child wrote to stderr: the last words of libraries that abort."""
    works: bool | None = None
    """A small matrix product on the GPU came out right."""

    def stage(self, name: str) -> Stage | None:
        """The stage called `name`; None: it was never reached."""
        return next((stage for stage in self.stages if stage.name == name), None)


class MappedFile(Fact, frozen=True, kw_only=True):
    """One library file in the memory map of the process that imported torch."""

    path: str
    version: str | None = None
    """As the library itself answers; None: it has no call for it, or the call failed."""
    opened_by: str | None = None
    """``_preload_cuda_lib of torch``: the Python code that opened it by its path; None: none did, or it was there already."""


class MappedFiles(Fact, frozen=True, kw_only=True):
    """The NVIDIA and torch libraries mapped in the process that imported torch, as they were found."""

    default_source: ClassVar[str] = "/proc/self/maps"

    files: tuple[MappedFile, ...] = ()
    complete: bool = True
    """False: the process died before torch's libraries had all been touched."""


class LoadedLibrary(Fact, frozen=True, kw_only=True):
    """One NVIDIA or torch library mapped in the process that imported torch."""

    default_source: ClassVar[str] = "/proc/self/maps"

    name: str
    """The family: ``cudart``, ``cudnn``, ``cudnn_graph``, ``cublas``, ``cublasLt``, ``nccl``, ``nvrtc``, ``cusparse``, ``cusolver``,
    ``cufft``, ``curand``, ``nvjitlink``, ``cuda`` (the driver), ``torch_cuda`` …"""
    path: str
    version: str | None = None
    """As the library itself answers: ``12.4.127``; None: it has no call for it or the call failed."""
    owner: str | None = None
    """``nvidia-cudnn-cu12 9.1.0.70``, ``torch 2.5.1``, ``conda cudnn 9.1``, ``system``, ``LD_LIBRARY_PATH``, ``unknown``."""
    owner_kind: Literal["torch", "wheel", "conda", "system", "driver", "unknown"] | None = None
    reason: str | None = None
    """Why the loader took this file: ``DT_RPATH of libtorch_cuda.so``, ``LD_LIBRARY_PATH``, ``DT_RUNPATH of …``, ``ld.so.cache``,
    ``opened by _preload_cuda_lib of torch`` (by its path, so that no search decided), ``loaded by path``."""
    bundled: str | None = None
    """The copy that came with this torch (in torch/lib or the nvidia wheel it pins), where another file won; empty: this is it, or there is none."""


class LoadedLibraries(Fact, frozen=True, kw_only=True):
    """Every NVIDIA and torch library mapped after torch was imported and its libraries touched."""

    default_source: ClassVar[str] = "/proc/self/maps"

    libraries: tuple[LoadedLibrary, ...] = ()
    complete: bool = True
    """False: the child died before it could touch them all."""

    def named(self, name: str) -> tuple[LoadedLibrary, ...]:
        """The mapped libraries of one family (more than one: two copies in one process)."""
        return tuple(library for library in self.libraries if library.name == name)


class MissingLibrary(Fact, frozen=True, kw_only=True):
    """A library, or a symbol in one, that the loader could not find while torch was imported."""

    name: str
    """``libcudnn.so.9``."""
    kind: Literal["library", "symbol", "version"] = "library"
    """library: there is no such file; symbol: it lacks `symbol`; version: it is of another version, or damaged."""
    symbol: str | None = None
    needed_by: str | None = None
    """The file that asks for it."""
    searched: tuple[str, ...] = ()
    """Where the loader looked, in order, each with why: ``/a/b (DT_RUNPATH of libtorch_cuda.so)``."""
    copies: tuple[str, ...] = ()
    """Files of that name elsewhere on this machine."""
    provider: str | None = None
    """The distribution that ships it for this torch: ``nvidia-cudnn-cu12==9.1.0.70``."""


class MissingLibraries(Fact, frozen=True, kw_only=True):
    """Libraries that the import of torch asked for in vain. Empty where the import worked."""

    default_source: ClassVar[str] = "import torch"

    missing: tuple[MissingLibrary, ...] = ()


class Message(Fact, frozen=True, kw_only=True):
    """A text that a program said and that the message table knows."""

    key: str
    """The row of the table."""
    text: str
    emitter: str | None = None


class Messages(Fact, frozen=True, kw_only=True):
    """Recognised messages: of a live import, or out of a report."""

    messages: tuple[Message, ...] = ()

    def says(self, field: str, value: object | None = None) -> Evidence:
        """As `Fact.says`; the text of a message comes with the line that it stands in, where that is known."""
        said = next((message for message in self.messages if message.text == value), None)
        place = said.sources.get("text") if said is not None else None
        return Evidence(place, str(value)) if place is not None else super().says(field, value)

    def has(self, key: str) -> Message | None:
        """The first message of the row `key`."""
        return next((message for message in self.messages if message.key == key), None)
