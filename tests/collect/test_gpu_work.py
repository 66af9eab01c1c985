"""Work in real children on the processor: the same path as on a GPU, with kernels that fail in every way."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from envdoctor.collect import gpu_work as module
from envdoctor.collect.child import kill_all
from envdoctor.collect.gpu_work import gpu_work, pci_address
from envdoctor.collect.host import CannotLook, LiveHost
from envdoctor.collect.request import Request
from envdoctor.facts import CudaDevice, CudaDriver, DeviceWork, Nvml, NvmlGpu, Stage, TorchRuntime

IMPORTED = TorchRuntime(stages=(Stage(name="import", status="ok"),))

FAULTS = '''
"""Breaks torch.fft.fft as FAULT says, in the process that imports torch."""
import importlib.util, os, signal, sys, time


def broken(*arguments, **more):
    import torch

    fault = os.environ["FAULT"]
    if fault == "raise":
        raise RuntimeError("cuFFT error: CUFFT_INTERNAL_ERROR")
    if fault == "memory":
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
    if fault == "exit":
        os._exit(0)
    if fault == "hang":
        time.sleep(600)
    if fault == "segv":
        os.kill(os.getpid(), signal.SIGSEGV)
    if fault == "start":
        raise RuntimeError("CUDA error: device-side assert triggered")
    return torch.full_like(arguments[0], float("nan"))


class Hook:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "torch":
            return None
        sys.meta_path.remove(Hook)
        spec = importlib.util.find_spec("torch")
        load = spec.loader.exec_module

        def exec_module(torch):
            load(torch)
            torch.fft.fft = broken
            if os.environ["FAULT"] == "start":
                torch.ones = broken
            if os.environ["FAULT"] == "lacks":
                del torch.ones

        spec.loader.exec_module = exec_module
        return spec


sys.meta_path.insert(0, Hook)
'''


def examine(
    monkeypatch: pytest.MonkeyPatch, torch_python: str, folder: Path, fault: str, kernels: tuple[str, ...]
) -> DeviceWork:
    """The work of `kernels` on the processor, with torch.fft.fft broken by `fault`."""
    (folder / "sitecustomize.py").write_text(textwrap.dedent(FAULTS))
    monkeypatch.setattr(module, "KERNELS", kernels)
    host = LiveHost(
        request=Request(python=torch_python, device="cpu", probe_seconds=4.0),
        environ={"PYTHONPATH": str(folder), "FAULT": fault, "PATH": "/usr/bin:/bin"},
    )
    [device] = gpu_work(host, IMPORTED, None, None).devices
    return device


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        ("raise", "failed", "CUFFT_INTERNAL_ERROR"),
        ("memory", "out-of-memory", "Tried to allocate"),
        ("segv", "crashed", "SIGSEGV"),
        ("exit", "crashed", "exit code 0"),
    ],
)
def test_a_kernel_that_fails_costs_only_itself(
    monkeypatch: pytest.MonkeyPatch, torch_python: str, tmp_path: Path, fault: str, status: str, said: str
) -> None:
    device = examine(monkeypatch, torch_python, tmp_path, fault, ("random", "fft", "sort"))
    assert [kernel.name for kernel in device.kernels] == ["random", "fft", "sort"]
    assert [kernel.status for kernel in device.kernels] == ["ok", status, "ok"]
    assert said in (device.kernels[1].reason or "")
    assert {rate.name for rate in device.rates} == {"random", "sort"}


def test_a_kernel_that_hangs_costs_its_deadline_and_tells_where_it_stood(
    monkeypatch: pytest.MonkeyPatch, torch_python: str, tmp_path: Path
) -> None:
    device = examine(monkeypatch, torch_python, tmp_path, "hang", ("fft", "sort"))
    hung = device.kernel("fft")
    assert hung is not None
    assert (hung.status, [kernel.status for kernel in device.kernels]) == ("hung", ["hung", "ok"])
    assert "broken" in (hung.frame or "")


@pytest.mark.parametrize(("fault", "status"), [("start", "failed"), ("lacks", "skipped")])
def test_a_device_that_cannot_be_woken_is_one_failure_and_a_torch_that_lacks_a_call_is_none(
    monkeypatch: pytest.MonkeyPatch, torch_python: str, tmp_path: Path, fault: str, status: str
) -> None:
    device = examine(monkeypatch, torch_python, tmp_path, fault, ("fft", "sort"))
    assert {kernel.name: kernel.status for kernel in device.kernels} == {
        "start": status,
        "fft": "skipped",
        "sort": "skipped",
    }


def test_wrong_numbers_are_told(monkeypatch: pytest.MonkeyPatch, torch_python: str, tmp_path: Path) -> None:
    device = examine(monkeypatch, torch_python, tmp_path, "nan", ("fft",))
    [rate] = device.rates
    assert (rate.name, rate.right, rate.error) == ("fft", False, None)


def test_no_work_where_torch_sees_no_gpu_or_none_is_wanted() -> None:
    with pytest.raises(CannotLook, match="torch sees no GPU"):
        gpu_work(LiveHost(), IMPORTED, None, None)
    with pytest.raises(CannotLook, match="--budget 0"):
        gpu_work(LiveHost(request=Request(budget=0)), IMPORTED, None, None)
    with pytest.raises(CannotLook, match="cannot be imported"):
        gpu_work(LiveHost(request=Request(device="cpu")), TorchRuntime(), None, None)


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(CannotLook, match=r"torch sees no cuda:7 \(0 GPUs\)") as raised:
        gpu_work(LiveHost(request=Request(device="cuda:7")), IMPORTED, None, None)
    assert raised.value.problem.kind == "absent"


def test_an_interrupted_examination_starts_nothing(torch_python: str) -> None:
    host = LiveHost(request=Request(python=torch_python, device="cpu"), interrupted=True)
    [device] = gpu_work(host, IMPORTED, None, None).devices
    assert {(kernel.status, kernel.reason) for kernel in device.kernels} == {("skipped", "interrupted")}


def test_what_was_measured_before_an_interruption_is_kept(
    monkeypatch: pytest.MonkeyPatch, torch_python: str, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(FAULTS)
    monkeypatch.setattr(module, "KERNELS", ("random", "fft", "sort"))
    host = LiveHost(
        request=Request(python=torch_python, device="cpu"),
        environ={"PYTHONPATH": str(tmp_path), "FAULT": "hang", "PATH": "/usr/bin:/bin"},
    )

    def note(collector: str, text: str) -> None:
        if "fft" in text:
            host.interrupted = True
            kill_all()

    monkeypatch.setattr(host, "note", note)
    [device] = gpu_work(host, IMPORTED, None, None).devices
    assert [kernel.status for kernel in device.kernels] == ["ok", "skipped", "skipped"]
    assert [rate.name for rate in device.rates] == ["random"]
    assert {kernel.reason for kernel in device.kernels[1:]} == {"interrupted"}


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("00000000:01:00.0", "0000:01:00.0"),
        ("0000:C1:00.0", "0000:c1:00.0"),
        ("01:00.0", "0000:01:00.0"),
        (None, None),
        ("", None),
    ],
)
def test_pci_addresses_are_written_in_many_ways(written: str | None, address: str | None) -> None:
    assert pci_address(written) == address


def test_the_index_is_nvmls_not_torchs() -> None:
    """CUDA_VISIBLE_DEVICES=2: torch's cuda:0 is NVML's GPU 2."""
    nvml = Nvml(gpus=tuple(NvmlGpu(index=i, pci_bus_id=f"00000000:0{i}:00.0") for i in range(4)))
    device = CudaDevice(ordinal=0, pci_bus_id="0000:02:00.0")
    assert CudaDriver(devices=(device,)).devices[0].ordinal == 0
    assert module._with_index(DeviceWork(device="cuda:0"), device, nvml).gpu == 2
    assert module._with_index(DeviceWork(device="cuda:0"), None, nvml).gpu is None
