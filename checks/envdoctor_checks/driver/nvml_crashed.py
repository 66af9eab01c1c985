"""driver.nvml-crashed"""

from __future__ import annotations

from collections.abc import Iterator

from envdoctor.diagnose.api import Finding, check
from envdoctor.diagnose.driver_remedy import install_driver, reboot
from envdoctor.diagnose.predicates import cuda_works
from envdoctor.facts import Container, CudaDriver, ProbeDeaths, System, TorchRuntime


@check("driver.nvml-crashed")
def nvml_crashed(
    probe_deaths: ProbeDeaths,
    cuda_driver: CudaDriver | None,
    torch_runtime: TorchRuntime | None,
    system: System | None,
    container: Container | None,
) -> Iterator[Finding]:
    """The driver's management library (NVML) takes down the process that asks it.

    What it means:
    libnvidia-ml.so.1 ended the process with a signal. nvidia-smi and every monitor use it; CUDA does not need it. A half-upgraded
    driver and a wrong library in front are the usual reasons.

    How to confirm it by hand:
    `nvidia-smi; echo $?` prints 139 (SIGSEGV) or 134 (abort).

    Ways out:
    Restart; if it stays, reinstall the driver so that all its files are of one version.

    Often mistaken for:
    A machine without a GPU, since tools that die print nothing.
    """
    death = probe_deaths.within("nvml")
    if death is None or death.kind != "crashed":
        return
    yield Finding(
        title=f"{death.detail} (stage {death.stage})",
        detail="NVML serves nvidia-smi and monitors; CUDA does not need it.",
        severity="warning" if cuda_works(cuda_driver, torch_runtime) else "error",
        evidence=(probe_deaths.says("deaths", death.detail),),
        fix=(reboot("to load one driver whole", container), install_driver(system, container=container)),
    )
