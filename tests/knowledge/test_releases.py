"""torch releases, variants, pins and companions: facts known from the wheels."""

from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from envdoctor.knowledge import releases
from envdoctor.knowledge.drivers import version_key


def test_release_ignores_the_local_part() -> None:
    row = releases.release("2.5.1+cu121")
    assert row is not None
    assert (row.version, row.variant, row.cuda) == ("2.5.1", "cu124", "12.4")
    assert "3.13" in row.pythons
    assert releases.release("2.5.99") is None
    assert releases.release("2.6.0a0+git123") is None


def test_variant_by_cuda_or_by_name() -> None:
    row = releases.variant("2.5.1", "12.4")
    assert row is not None
    assert row == releases.variant("2.5.0", "cu124")
    assert row.default
    assert row.cudnn == "9.1.0.70"
    assert row.arch_list == ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90")
    assert [row.variant for row in releases.variants_of("2.5.1")] == ["cu118", "cu121", "cu124"]
    assert releases.variants_of("0.1") == ()


def test_pins() -> None:
    assert releases.pins_of("2.5.1+cu124")["nvidia-cudnn-cu12"] == "==9.1.0.70"
    assert releases.pins_of("9.9.9") == {}


@pytest.mark.parametrize(
    ("package", "version", "torch"),
    [
        ("torchvision", "0.20.1+cu124", "2.5.1"),
        ("torchaudio", "2.5.1", "2.5.1"),
        ("xformers", "0.0.28.post3", "2.5.1"),
        ("torchaudio", "2.11.0", ">=2.11.0"),
        ("vllm", "0.8.5", "2.6.0"),
        ("torchvision", "99.0", None),
        ("numpy", "2.0", None),
        ("torchvision", "nonsense", None),
    ],
)
def test_torch_for(package: str, version: str, torch: str | None) -> None:
    assert releases.torch_for(package, version) == torch


def test_fits() -> None:
    assert releases.fits("torchvision", "0.20.1", "2.5.1+cu124") is True
    assert releases.fits("torchvision", "0.20.1", "2.6.0") is False
    assert releases.fits("torchaudio", "2.11.0", "2.15.0") is True
    assert releases.fits("torchaudio", "2.11.0", "2.5.1") is False
    assert releases.fits("numpy", "2.0", "2.5.1") is None


def test_companion_for() -> None:
    assert releases.companion_for("torchvision", "2.5.1") == ("0.20.1",)
    assert releases.companion_for("torchaudio", "2.0.0") == ("2.0.1",)  # 2.0.0 was withdrawn
    assert releases.companion_for("torchvision", "9.9.9+cu999") == () or releases.fits(
        "torchvision", releases.companion_for("torchvision", "9.9.9")[0], "9.9.9"
    )


def test_every_release_has_its_variant() -> None:
    for row in releases.releases().values():
        variant = releases.variant(row.version, row.cuda)
        assert variant is not None, row.version
        assert (variant.variant, variant.default) == (row.variant, True)


def test_variant_names_say_their_cuda() -> None:
    for release in releases.releases().values():
        for row in releases.variants_of(release.version):
            assert row.variant == "cu" + row.cuda.replace(".", "")
            for arch in (*row.arch_list, *row.arch_list_aarch64):
                assert arch.startswith("sm_")


def test_one_default_per_minor_and_lowest_cuda_first() -> None:
    for release in releases.releases().values():
        rows = releases.variants_of(release.version)
        assert [row.default for row in rows].count(True) == 1, release.version
        assert [version_key(row.cuda) for row in rows] == sorted(version_key(row.cuda) for row in rows)


def test_specifiers_and_versions_parse() -> None:
    from envdoctor.knowledge.releases import CompanionRow, PinRow
    from envdoctor.knowledge.table import rows

    for pin in rows("torch_pins", PinRow):
        assert Version(pin.version)
        assert all(SpecifierSet(specifier) is not None for specifier in pin.pins.values())
    for companion in rows("torch_companions", CompanionRow):
        assert Version(companion.version)
        assert SpecifierSet(companion.torch) is not None
