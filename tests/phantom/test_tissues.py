"""The tissue table and what is drawn from it."""

from __future__ import annotations

import numpy as np
import pytest
from mrclass.phantom.tissues import COUNT, INDEX, TABLE, tissue_values


def at(field: float, name: str, tissue: str) -> float:
    values = tissue_values(field, np.random.default_rng(0), spread=0)
    return float(getattr(values, name)[INDEX[tissue]])


def test_without_spread_the_values_are_those_of_the_table_in_ms() -> None:
    assert at(1.5, "t1", "white") == pytest.approx(650)
    assert at(3.0, "t1", "white") == pytest.approx(860)
    assert at(3.0, "t2", "grey") == pytest.approx(90)
    assert at(1.5, "adc", "csf") == pytest.approx(3.0)


def test_between_two_fields_the_value_is_the_geometric_mean() -> None:
    assert at(1.5 * np.sqrt(2), "t1", "white") == pytest.approx(np.sqrt(650 * 860))


def test_every_tissue_has_a_row_of_its_own() -> None:
    assert len(INDEX) == COUNT
    assert all(TABLE[INDEX[tissue.name]] is tissue for tissue in TABLE)


def test_air_gives_no_signal() -> None:
    assert TABLE[0].name == "air" and TABLE[0].pd == 0


def test_no_tissue_decays_slower_by_t2star_than_by_t2_or_by_t2_than_by_t1() -> None:
    for tissue in TABLE:
        for k in (0, 1):
            assert tissue.t2star[k] <= tissue.t2[k] <= 1000 * tissue.t1[k], tissue.name


def test_the_same_seed_draws_the_same_subject_and_another_seed_another() -> None:
    first, again, other = (tissue_values(3.0, np.random.default_rng(seed)).t1 for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_t1_varies_by_about_eight_per_cent_between_subjects() -> None:
    rng = np.random.default_rng(0)
    drawn = [tissue_values(3.0, rng).t1[INDEX["grey"]] for _ in range(400)]
    assert np.std(np.log(drawn)) == pytest.approx(0.08, abs=0.015)


def test_the_t1_of_white_matter_stays_under_that_of_grey_matter() -> None:
    rng = np.random.default_rng(0)
    values = [tissue_values(field, rng) for field in (1.5, 3.0) for _ in range(50)]
    assert all(v.t1[INDEX["white"]] < v.t1[INDEX["grey"]] < v.t1[INDEX["csf"]] for v in values)
