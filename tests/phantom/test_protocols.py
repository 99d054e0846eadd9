"""What is drawn for a series of each kind."""

from __future__ import annotations

import numpy as np
import pytest
from mrclass.labels import KEYS
from mrclass.phantom.protocols import ALL_KINDS, KINDS, MORE_KINDS, PLANES, random_protocol

DIFFUSION = ("adc", "dwi", "fa", "trace", "colour_fa")


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_timings_and_geometry_of_every_kind_are_possible(kind: str) -> None:
    for seed in range(30):
        p = random_protocol(kind, np.random.default_rng(seed))
        assert p.kind == kind and p.label in KEYS and p.plane in PLANES
        assert p.field in (1.5, 3.0)
        assert p.te > 0 and p.tr > 0
        assert p.ti is None or p.ti == -1 or p.te < p.ti < p.tr
        assert 0 < p.flip <= 180
        assert 0 < p.spacing <= p.acquired + 1e-9
        assert p.thickness > 0 and p.gap >= 0
        assert p.snr > 0


APART = pytest.mark.xfail(
    strict=True, reason="TE and TR are drawn apart and their ranges overlap: one SWI in ten has TE > TR"
)
OVERLAPPING = ("swi", "minip", "phase", "localizer")


@pytest.mark.parametrize("kind", [pytest.param(k, marks=APART) if k in OVERLAPPING else k for k in KINDS])
def test_the_echo_comes_before_the_next_pulse(kind: str) -> None:
    drawn = [random_protocol(kind, np.random.default_rng(seed)) for seed in range(60)]
    assert all(p.te < p.tr for p in drawn)


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_in_realism_2_the_echo_comes_before_the_next_pulse(kind: str) -> None:
    drawn = [random_protocol(kind, np.random.default_rng(seed), realism=2) for seed in range(60)]
    assert all(p.te < p.tr for p in drawn)


def test_realism_1_is_the_default_and_realism_2_draws_on_after_it() -> None:
    plain, asked, more = (
        random_protocol("t2w", np.random.default_rng(4), **words)
        for words in ({}, {"realism": 1}, {"realism": 2})
    )
    assert plain == asked and plain.realism == 1
    assert more.realism == 2 and (more.te, more.tr, more.snr) == (plain.te, plain.tr, plain.snr)


def test_kinds_added_later_are_other_of_realism_2_and_not_among_the_usual_ones() -> None:
    assert not set(MORE_KINDS) & set(KINDS)
    for kind in MORE_KINDS:
        drawn = random_protocol(kind, np.random.default_rng(0))
        assert (drawn.label, drawn.realism) == ("other", 2)


def test_a_realism_that_is_not_known_lists_the_choices() -> None:
    with pytest.raises(ValueError, match="3 is no realism; choose one of: 1, 2"):
        random_protocol("t2w", np.random.default_rng(0), realism=3)


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_only_diffusion_has_b_values_and_they_begin_with_zero(kind: str) -> None:
    b_values = random_protocol(kind, np.random.default_rng(0)).b_values
    assert (b_values[:1] == (0.0,) and b_values[-1] >= 500) if kind in DIFFUSION else b_values == ()


def test_contrast_agent_is_given_for_every_t1ce_and_never_for_t1w() -> None:
    for kind, row in KINDS.items():
        given = {random_protocol(kind, np.random.default_rng(seed)).contrast_agent for seed in range(20)}
        if row.label in ("t1w", "t1ce"):
            assert given == {row.label == "t1ce"}, kind


def test_the_same_seed_draws_the_same_protocol() -> None:
    first, again, other = (random_protocol("flair", np.random.default_rng(seed)) for seed in (4, 4, 5))
    assert first == again != other


def test_a_plane_that_is_named_is_kept_and_otherwise_all_are_drawn() -> None:
    rng = np.random.default_rng(0)
    assert {random_protocol("t2w", rng, "coronal").plane for _ in range(5)} == {"coronal"}
    assert {random_protocol("t2w", rng).plane for _ in range(40)} == set(PLANES)


def test_a_kind_that_is_not_known_lists_the_choices() -> None:
    with pytest.raises(ValueError, match=r"'t3w' is not a kind of series; choose one of: t1w_se, .*noise"):
        random_protocol("t3w", np.random.default_rng(0))


def test_a_plane_that_is_not_known_lists_the_choices() -> None:
    with pytest.raises(ValueError, match="'oblique' is not a plane; choose one of: axial, sagittal, coronal"):
        random_protocol("t2w", np.random.default_rng(0), "oblique")


def test_every_label_has_a_kind() -> None:
    assert {row.label for row in KINDS.values()} == set(KEYS)


def test_shares_of_planes_add_up_to_one() -> None:
    assert all(sum(row.planes) == pytest.approx(1) for row in KINDS.values())
