from __future__ import annotations

import msgspec

from envdoctor.diagnose.testing import judge
from envdoctor.facts import Container, CudaDriver, Message, Messages, Nvml, Stage, TorchInstall, TorchRuntime
from envdoctor_checks.container.image_requires_newer_driver import image_requires_newer_driver
from healthy import CUDA, DOCKER, UBUNTU

IMAGE = msgspec.structs.replace(DOCKER, require_cuda="cuda>=12.4")
OLD = Nvml(init_code=0, cuda_driver_version=12020)


def test_fires_where_the_driver_runs_less() -> None:
    [finding] = judge(image_requires_newer_driver, IMAGE, OLD, CudaDriver(init_code=999), UBUNTU).findings
    assert finding.title == "The image requires CUDA >= 12.4; the driver runs CUDA 12.2"
    assert finding.fix[0].text.startswith("Install NVIDIA driver 550")


def test_fires_where_cuinit_works_and_torch_does_not() -> None:
    old = msgspec.structs.replace(CUDA, driver_version=12020)
    failed = TorchRuntime(stages=(Stage(name="cuda-init", status="failed", error="driver too old"),))
    assert len(judge(image_requires_newer_driver, IMAGE, old, failed).findings) == 1


def test_fires_on_the_runtimes_words() -> None:
    text = "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.4, please update your driver to a newer version"
    for fact in (
        Container(runtime_error=text),
        Messages(messages=(Message(key="container-requires-cuda", text=text),)),
    ):
        [finding] = judge(image_requires_newer_driver, fact).findings
        assert finding.title == "The image requires CUDA >= 12.4; the host's driver does not meet it"


def test_silent_where_it_is_met() -> None:
    assert judge(image_requires_newer_driver, IMAGE, Nvml(cuda_driver_version=13020)).findings == ()


def test_silent_where_an_alternative_names_the_driver() -> None:
    image = msgspec.structs.replace(DOCKER, require_cuda="cuda>=12.4 brand=tesla,driver>=470,driver<471")
    assert judge(image_requires_newer_driver, image, OLD).findings == ()


def test_silent_where_cuda_works_all_the_same_or_nothing_is_demanded() -> None:
    assert judge(image_requires_newer_driver, IMAGE, OLD, CUDA).findings == ()
    assert judge(image_requires_newer_driver, msgspec.structs.replace(DOCKER, require_cuda=""), OLD).findings == ()


def test_silent_where_the_driver_is_unknown() -> None:
    assert judge(image_requires_newer_driver, IMAGE).findings == ()


def test_without_a_run_of_torch_its_build_decides() -> None:
    old = msgspec.structs.replace(CUDA, driver_version=11040)
    assert len(judge(image_requires_newer_driver, IMAGE, old, TorchInstall(cuda="12.4")).findings) == 1
    assert judge(image_requires_newer_driver, IMAGE, old, TorchInstall(cuda="11.8")).findings == ()


def test_a_build_for_the_processor_does_not_make_the_requirement_met() -> None:
    old = msgspec.structs.replace(CUDA, driver_version=11040)
    cpu = TorchInstall(present=True, version="2.13.0+cpu", cuda="")
    assert len(judge(image_requires_newer_driver, IMAGE, old, cpu).findings) == 1
    minor = msgspec.structs.replace(CUDA, driver_version=12020)
    assert judge(image_requires_newer_driver, IMAGE, minor, cpu).findings == ()
