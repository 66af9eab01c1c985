"""Planted secrets never leave; what a diagnosis needs does."""

from __future__ import annotations

import msgspec
import pytest

from envdoctor.diagnose.testing import snapshot_of
from envdoctor.facts import (
    Environment,
    Fact,
    Interpreter,
    Jupyter,
    KernelLog,
    LoadedLibraries,
    LoadedLibrary,
    Message,
    Messages,
    Nvml,
    NvmlGpu,
    Packages,
    Problem,
    Processes,
    Redaction,
    Snapshot,
    System,
    TorchInstall,
    TorchRuntime,
)
from envdoctor.facts.codec import encode_snapshot
from envdoctor.facts.python import Distribution, Pin
from envdoctor.report.redact import Owner, redact

OWNER = Owner(user="ada", host="analytical-engine", home="/data/people/ada")

SECRETS = (
    "hf_AbCdEfGhIjKlMnOpQrStUvWxYz012345",
    "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "github_pat_11AAAAAAA0abcdefghijkl_mnopqrstuvwxyz",
    "glpat-abcdefghij0123456789",
    "xoxb-123456789012-abcdefghijkl",
    "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "nvapi-abcdefghijklmnopqrstuvwxyz012345",
    "AIzaSyA-1234567890abcdefghijklmnopqrstu",
    "Kq3zT9vXw2Lm8Rb5Yc7Nd1Pf4Gh6Js0AaBbCcDdEeFf11",
    "0123456789abcdef0123456789abcdef01234567",
    "ada.lovelace@example.org",
    "GPU-5f3c1d2e-9b8a-4c7d-8e6f-0a1b2c3d4e5f",
    "52:54:00:ab:cd:ef",
    "203.0.113.77",
    "fe80:1234:5678:9abc:def0:1234:5678:9abc",
    "ip-172-31-22-101",
)
IN_CONTEXT = (
    ("Password: open-sesame", "open-sesame"),
    ('{"api_key": "open-sesame"}', "open-sesame"),
    ("{'token': 'open-sesame'}", "open-sesame"),
    ('SECRET_KEY="open-sesame"', "open-sesame"),
    ("https://h.example/?sig=open-sesame&x=1", "open-sesame"),
    ("//registry.example/:_authToken=open-sesame", "open-sesame"),
    ("machine h login me password open-sesame", "open-sesame"),
    ("machine h login ada-lovelace password open-sesame", "ada-lovelace"),
    ("machine h\n  login ada-lovelace\n  password open-sesame", "ada-lovelace"),
    ("machine h password open-sesame login ada-lovelace", "ada-lovelace"),
    ("default login ada-lovelace password open-sesame", "ada-lovelace"),
    ("serve --api-key open-sesame", "open-sesame"),
    ("AccountKey=open-sesame", "open-sesame"),
    ("/scratch/ada/venv/bin/python", "/ada/"),
    ("uid=1001(ada) gid=1001(ada)", "(ada)"),
    ("password=hunter2hunter2", "hunter2hunter2"),
    ("Authorization: Bearer abcDEF123456", "abcDEF123456"),
    ("https://ada:s3cretword@git.example.org/x", "s3cretword"),
    ("jupyter lab --token 0a1b2c3d4e", "0a1b2c3d4e"),
    ("Serial Number : 1654921000123", "1654921000123"),
    ("/home/ada/venv/lib/python3.11", "/ada/"),
    ("C:\\Users\\Ada\\torch", "Ada"),
    ("ada@analytical-engine:~$ python", "analytical-engine"),
    ("/data/people/ada/venv", "ada"),
    ("Nov 24 13:00:00 analytical-engine kernel: NVRM", "analytical-engine"),
)


def everywhere(text: str) -> Snapshot:
    """A snapshot that holds a text in every kind of place."""
    facts: tuple[Fact, ...] = (
        System(pretty_name=text, kernel_build=text, user="ada"),
        Interpreter(path=f"/opt/{text}/python", sys_path=(text,), chosen_by=text),
        Environment(variables={"LD_LIBRARY_PATH": f"/x:{text} y"}),
        KernelLog(lines=(f"[1.0] NVRM: {text} seen",)),
        LoadedLibraries(libraries=(LoadedLibrary(name="cudart", path=f"/x {text}", owner=text),)),
        Messages(messages=(Message(key="x", text=f"said: {text} there"),)),
        Nvml(library=text, gpus=(NvmlGpu(index=0, name=text),)),
        Packages(distributions=(Distribution(name="torch", version="2.5.1", location=f"{text}"),)),
        Processes(jupyter=(Jupyter(pid=1, address=text, command=f"jupyter {text} lab"),)),
        TorchRuntime(stderr=f"at {text} end", warnings=(text,)),
    )
    problem = Problem(kind="failed", detail=f"no {text} here")
    return msgspec.structs.replace(snapshot_of(*facts), problems={"nvml": problem})


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_gone_wherever_it_stood(secret: str) -> None:
    written = encode_snapshot(redact(everywhere(secret), OWNER)).decode()
    assert secret not in written


@pytest.mark.parametrize(("text", "secret"), IN_CONTEXT)
def test_a_secret_is_known_by_what_stands_round_it(text: str, secret: str) -> None:
    written = encode_snapshot(redact(everywhere(text), OWNER)).decode()
    assert secret not in written.replace("canada", "")


KEPT = (
    "2.5.1+cu124",
    "535.183.01",
    "nvidia-curand-cu12==10.3.5.147",
    "nvidia-cublas-cu12 12.4.5.8",
    "libcudnn.so.9.1.0",
    "/usr/lib/x86_64-linux-gnu/libcuda.so.595.45.04",
    "lib/python3.11/site-packages/nvidia/cudnn/lib/libcudnn_graph.so.9",
    "0000:01:00.0",
    "00000000:C1:00.0",
    "NVIDIA GeForce RTX 4090",
    "undefined symbol: __nvJitLinkComplete_12_4, version libnvJitLink.so.12",
    "undefined symbol: _ZN5torch7LibraryC1ENS0_4KindESsSt8optionalIN3c1011DispatchKeyEEPKcj",
    "5.15.167.4-microsoft-standard-WSL2",
    "NVRM: Xid (PCI:0000:3b:00): 79, pid=1234, GPU has fallen off the bus.",
    "sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90",
    "cuda runtime root user",
)


@pytest.mark.parametrize("text", KEPT)
@pytest.mark.parametrize("user", ["ada", "cuda", "root", "lib", "nvidia"])
def test_versions_libraries_and_words_survive_whatever_the_user_is_called(text: str, user: str) -> None:
    written = redact(everywhere(text), Owner(user=user, host="gpu", home=f"/home/{user}"))
    assert encode_snapshot(written).decode().count(msgspec.json.encode(text).decode()[1:-1]) >= 9


def test_the_versions_of_pinned_wheels_are_no_addresses() -> None:
    pin = Pin(name="nvidia-cublas", specifier="==13.1.0.3", installed="13.1.0.3", satisfied=True)
    plain = redact(snapshot_of(TorchInstall(present=True, pins=(pin,))), OWNER).get(TorchInstall)
    assert plain is not None
    assert plain.pins == (pin,)


def test_the_same_thing_has_the_same_stand_in() -> None:
    one, two = "GPU-5f3c1d2e-9b8a-4c7d-8e6f-0a1b2c3d4e5f", "GPU-aaaaaaaa-9b8a-4c7d-8e6f-0a1b2c3d4e5f"
    snapshot = snapshot_of(
        Nvml(gpus=(NvmlGpu(index=0, uuid=one), NvmlGpu(index=1, uuid=two))),
        Environment(variables={"CUDA_VISIBLE_DEVICES": two}),
    )
    plain = redact(snapshot, OWNER)
    nvml, environment = plain.get(Nvml), plain.get(Environment)
    assert nvml is not None
    assert environment is not None
    assert nvml.gpus[0].uuid != nvml.gpus[1].uuid == environment.get("CUDA_VISIBLE_DEVICES")


def test_what_was_taken_out_is_listed() -> None:
    plain = redact(snapshot_of(TorchRuntime(stderr="/home/ada/x and hf_AbCdEfGhIjKlMnOpQr")), OWNER)
    assert plain.get(Redaction) == Redaction(removed={"token": 1, "user name": 1})


def test_torchs_own_commit_stays() -> None:
    commit = "a8d6afb511a69687bbb2b7e88a3cf67917e1697e"
    plain = redact(snapshot_of(TorchInstall(git=commit)), OWNER)
    install = plain.get(TorchInstall)
    assert install is not None
    assert install.git == commit
