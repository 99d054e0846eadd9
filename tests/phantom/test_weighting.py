"""Which tissue is brighter than which, for every weighting, over protocols drawn at random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mrclass.phantom.protocols import KINDS, Protocol, random_protocol
from mrclass.phantom.tissues import INDEX, tissue_values
from mrclass.phantom.weighting import tissue_signal

SEEDS = range(20)


def shown(protocol: Protocol, seed: int = 0, b: float = 0.0) -> dict[str, float]:
    """Signal of each tissue of the table (no jitter) under a protocol."""
    values = tissue_values(protocol.field, np.random.default_rng(0), spread=0)
    s = tissue_signal(protocol, values, np.random.default_rng(seed), b)
    return {name: float(s[k]) for name, k in INDEX.items()}


def drawn(kind: str) -> list[dict[str, float]]:
    return [shown(random_protocol(kind, np.random.default_rng(seed)), seed) for seed in SEEDS]


@pytest.mark.parametrize("kind", ["t2w", "t2w_3d"])
def test_in_t2w_csf_is_brighter_than_grey_and_grey_than_white_matter(kind: str) -> None:
    assert all(s["csf"] > s["grey"] > s["white"] for s in drawn(kind))


@pytest.mark.parametrize("kind", ["t1w_se", "t1w_gre"])
def test_in_t1w_white_is_brighter_than_grey_matter_and_grey_than_csf(kind: str) -> None:
    assert all(s["white"] > s["grey"] > s["csf"] for s in drawn(kind))


def test_in_mprage_white_is_brightest_whatever_the_inversion_time() -> None:
    assert all(s["white"] > max(s["grey"], s["csf"]) for s in drawn("t1w_mprage"))


@pytest.mark.parametrize("kind", ["t1w_mprage", "t1w_flair"])
def test_at_a_usual_inversion_time_white_is_brighter_than_grey_matter_and_grey_than_csf(kind: str) -> None:
    usual = replace(random_protocol(kind, np.random.default_rng(0)), field=3.0, tr=2000.0, ti=900.0)
    s = shown(usual)
    assert s["white"] > s["grey"] > s["csf"]


@pytest.mark.parametrize("kind", ["flair", "flair_3d"])
def test_in_flair_csf_is_dark_and_oedema_is_bright(kind: str) -> None:
    for s in drawn(kind):
        assert s["csf"] < 0.5 * s["white"]
        assert s["oedema"] > s["grey"]


def test_a_flair_at_its_null_time_shows_no_csf() -> None:
    protocol = replace(random_protocol("flair", np.random.default_rng(0)), options={"null": 1.0})
    assert shown(protocol)["csf"] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("kind", [kind for kind, row in KINDS.items() if row.label == "t1ce"])
def test_contrast_agent_makes_tumour_and_vein_brighter(kind: str) -> None:
    for seed in SEEDS:
        protocol = random_protocol(kind, np.random.default_rng(seed))
        after, before = shown(protocol, seed), shown(replace(protocol, contrast_agent=False), seed)
        assert after["tumour"] > before["tumour"]
        assert after["vein"] > before["vein"]
        assert after["csf"] == pytest.approx(before["csf"])


def test_a_higher_b_value_darkens_csf_to_the_exponential_of_its_adc() -> None:
    protocol = random_protocol("dwi", np.random.default_rng(0))
    low, high = (shown(protocol, b=b)["csf"] for b in (0.0, 1000.0))
    assert high == pytest.approx(low * np.exp(-3.0))


def test_in_dwi_of_b_1000_an_acute_stroke_is_brighter_than_the_brain_around_it() -> None:
    for seed in SEEDS:
        s = shown(random_protocol("dwi", np.random.default_rng(seed)), seed, b=1000.0)
        assert s["stroke"] > max(s["grey"], s["white"]) > s["csf"]


@pytest.mark.parametrize("kind", ["swi", "minip"])
def test_in_swi_veins_and_blood_are_darker_than_the_brain(kind: str) -> None:
    for s in drawn(kind):
        assert max(s["vein"], s["blood"]) < min(s["grey"], s["white"])


@pytest.mark.parametrize("kind", ["tof", "mip"])
def test_in_time_of_flight_arteries_are_brighter_than_brain_and_veins(kind: str) -> None:
    for s in drawn(kind):
        assert s["artery"] > max(s["grey"], s["white"], s["csf"], s["vein"], s["muscle"])


def test_in_spin_echoes_flow_makes_arteries_darker_than_the_brain() -> None:
    assert all(s["artery"] < s["white"] for s in drawn("t2w") + drawn("t1ce_se"))


def test_fat_saturation_darkens_fat_and_little_else() -> None:
    protocol = replace(random_protocol("t1w_se", np.random.default_rng(0)), fat=1.0)
    with_fat, without = shown(protocol), shown(replace(protocol, fat=0.1))
    assert without["fat"] == pytest.approx(0.1 * with_fat["fat"])
    assert without["white"] == with_fat["white"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_finite_signals_and_none_from_air(kind: str) -> None:
    for s in drawn(kind):
        assert np.isfinite(list(s.values())).all() and min(s.values()) >= 0
        assert s["air"] == 0
