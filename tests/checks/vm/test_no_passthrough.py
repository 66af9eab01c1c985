from __future__ import annotations

from envdoctor.diagnose.testing import judge
from envdoctor.facts import ProbeDeath, ProbeDeaths, System
from envdoctor_checks.vm.no_passthrough import no_passthrough
from healthy import BUS, CUDA, EMPTY_BUS, UBUNTU

KVM = System(hypervisor="kvm", wsl=0, jetson=False)


def test_fires_in_a_guest_without_a_gpu() -> None:
    [finding] = judge(no_passthrough, EMPTY_BUS, KVM).findings
    assert finding.title == "No NVIDIA GPU among the 12 PCI devices of this kvm VM"


def test_silent_in_a_guest_with_one() -> None:
    assert judge(no_passthrough, BUS, KVM).findings == ()


def test_silent_on_bare_metal_on_wsl_and_where_cuda_works() -> None:
    assert judge(no_passthrough, EMPTY_BUS, UBUNTU).findings == ()
    assert judge(no_passthrough, EMPTY_BUS, System(hypervisor="microsoft", wsl=2)).findings == ()
    assert judge(no_passthrough, EMPTY_BUS, KVM, CUDA).findings == ()


def test_skipped_where_the_hypervisor_is_unknown() -> None:
    assert judge(no_passthrough, EMPTY_BUS, System()).result.status == "skipped"


def test_silent_where_the_driver_hangs() -> None:
    hung = ProbeDeaths(
        deaths=(ProbeDeath(probe="cuda_driver", kind="timeout", detail="cuInit did not answer", stage="init"),)
    )
    assert judge(no_passthrough, EMPTY_BUS, KVM, hung).findings == ()
